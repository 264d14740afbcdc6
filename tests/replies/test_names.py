"""A name below a "thanks" is nobody's answer, in whatever language it may also be a word."""

import pytest

from placet.replies.read import read_text

NAMES = (
    "Aaron", "Abdul", "Ada", "Adam", "Adele", "Agnes", "Ahmed", "Aiko", "Ainhoa", "Alan", "Alba", "Alberto",
    "Alejandro", "Alex", "Alice", "Alina", "Amal", "Amir", "Amy", "Ana", "Anders", "Andrea", "Andrei", "Andy",
    "Angela", "Anh", "Anita", "Ann", "Anna", "Anne", "Annika", "Antonio", "Anu", "April", "Ari", "Arjun", "Arne",
    "Arthur", "Astrid", "Aya", "Aylin", "Bao", "Barbara", "Bart", "Beata", "Ben", "Bernd", "Bianca", "Bill", "Bob",
    "Bogdan", "Boris", "Brian", "Bruno", "Can", "Carla", "Carlos", "Carmen", "Carol", "Cem", "Chen", "Chris",
    "Clara", "Claude", "Dag", "Dale", "Dan", "Daniel", "Danny", "Dario", "Dave", "David", "Deniz", "Denis", "Diana",
    "Diego", "Dieter", "Dina", "Dinh", "Dirk", "Dmitri", "Dora", "Doris", "Drew", "Duc", "Eddie", "Edgar", "Edith",
    "Einar", "Elena", "Eli", "Elif", "Elin", "Elisa", "Ella", "Else", "Emil", "Emma", "Emre", "Enzo", "Eric",
    "Erik", "Erika", "Erna", "Ernst", "Esra", "Eva", "Eve", "Fatima", "Faye", "Felix", "Finn", "Flora", "Frank",
    "Franz", "Fred", "Frida", "Gabi", "Gary", "Gene", "George", "Gerd", "Gina", "Giulia", "Grace", "Greta", "Guy",
    "Hai", "Hana", "Hanna", "Hans", "Harry", "Hasan", "Heidi", "Heinz", "Helen", "Helga", "Henk", "Henri", "Hiro",
    "Hoa", "Hugo", "Ian", "Ida", "Igor", "Ilse", "Ines", "Inga", "Inge", "Ingrid", "Irene", "Iris", "Irma", "Isa",
    "Ivan", "Ivo", "Jaana", "Jack", "Jan", "Jana", "Jane", "Janos", "Jari", "Jean", "Jeff", "Jens", "Jill", "Jim",
    "Joan", "Joao", "Joe", "Johan", "John", "Jon", "Jorge", "Jose", "Joy", "Juan", "Judy", "Julia", "Jun", "June",
    "Kai", "Karel", "Karen", "Karin", "Karl", "Kate", "Katja", "Kay", "Keiko", "Ken", "Kent", "Kerstin", "Kim",
    "Kirsten", "Klaus", "Knut", "Kurt", "Lan", "Lars", "Laura", "Lea", "Lee", "Lena", "Leo", "Lia", "Lin", "Linda",
    "Linh", "Lisa", "Liv", "Liz", "Lotte", "Lou", "Luca", "Lucia", "Lucy", "Luis", "Luk", "Mads", "Magda", "Mai",
    "Maja", "Malte", "Manuel", "Marc", "Marco", "Maria", "Marie", "Mario", "Mark", "Marta", "Martin", "Mary",
    "Mats", "Matt", "Max", "May", "Mehmet", "Mei", "Mia", "Mika", "Mike", "Mila", "Milan", "Minh", "Mira", "Mona",
    "Mo", "Nadia", "Nadine", "Nam", "Nele", "Neil", "Nick", "Nico", "Nils", "Nina", "Noa", "Noah", "Noor", "Nora",
    "Norma", "Olaf", "Ole", "Oleg", "Olga", "Oli", "Olivia", "Omar", "Oscar", "Otto", "Pablo", "Pam", "Pat", "Paul",
    "Pavel", "Pedro", "Per", "Peter", "Petra", "Phil", "Pia", "Pierre", "Piotr", "Priya", "Rafael", "Rahul", "Raj",
    "Ralf", "Ravi", "Ray", "Reza", "Rick", "Rita", "Rob", "Roberto", "Robin", "Roger", "Roman", "Rosa", "Rose",
    "Roy", "Ruth", "Sam", "Sandra", "Sanna", "Sara", "Sean", "Sergei", "Shan", "Silke", "Simon", "Sofia", "Sonja",
    "Stefan", "Steve", "Sue", "Sven", "Tao", "Tara", "Tariq", "Ted", "Terry", "Thea", "Theo", "Thomas", "Tim",
    "Tina", "Tobias", "Tom", "Toni", "Tony", "Tove", "Trang", "Trond", "Tuan", "Udo", "Ulf", "Ulla", "Ute", "Uwe",
    "Vera", "Vic", "Victor", "Viktor", "Vlad", "Walter", "Wang", "Wei", "Werner", "Will", "Xavier", "Yael", "Yan",
    "Yara", "Yasmin", "Ye", "Yoko", "Yuki", "Yuri", "Yusuf", "Zara", "Zeynep", "Zoe", "Adrian", "Ming", "Ling",
    "Hung", "Long", "Thanh", "Khan", "Ali", "Aziz", "Salam", "Amin", "Nur", "Iman", "Best", "Park", "Kang", "Choi",
)  # fmt: skip


@pytest.mark.parametrize(
    "form", ["Thanks,\n{}", "{}", "Hi {},\n\nthanks.\n\n{}", "Best,\n{}", "Danke\n{}", "Merci,\n{}"]
)
def test_a_name_decides_nothing(form: str) -> None:
    decided = {name for name in NAMES if read_text(form.format(*[name] * form.count("{}"))).outcome}
    assert decided == set()
