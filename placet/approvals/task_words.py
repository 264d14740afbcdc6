"""What a reply says for a task that is done, in the languages that replies are read in. The first of each is what a
link writes."""

_BY_LANGUAGE = {
    "en": ["Done", "Completed", "Finished", "It is done", "I have done it"],
    "ar": ["منجز", "تم الإنجاز"],
    "ca": ["Fet", "Acabat"],
    "cs": ["Hotovo", "Splněno"],
    "da": ["Udført", "Færdig", "Færdigt"],
    "de": ["Erledigt", "Abgeschlossen", "Ist erledigt"],
    "el": ["Ολοκληρώθηκε"],
    "es": ["Hecho", "Terminado", "Completado", "Realizado"],
    "fi": ["Valmis", "Tehty"],
    "fr": ["C'est fait", "Terminé", "Effectué"],
    "he": ["בוצע", "הושלם"],
    "hi": ["पूरा हुआ"],
    "hu": ["Kész", "Megtörtént", "Elkészült"],
    "id": ["Selesai", "Sudah selesai"],
    "it": ["Fatto", "Completato", "Eseguito"],
    "ja": ["完了", "完了しました", "済み"],
    "ko": ["완료했습니다"],
    "nb": ["Utført", "Ferdig", "Gjort"],
    "nl": ["Gedaan", "Afgerond", "Klaar"],
    "pl": ["Gotowe", "Wykonane"],
    "pt": ["Concluído"],
    "ro": ["Făcut", "Terminat"],
    "ru": ["Сделано", "Готово", "Выполнено"],
    "sk": ["Hotovo", "Splnené"],
    "sv": ["Färdigt", "Gjort"],
    "tr": ["Tamamlandı", "Yapıldı"],
    "uk": ["Зроблено", "Готово", "Виконано"],
    "vi": ["Đã xong", "Hoàn thành"],
    "zh": ["完成", "已完成"],
}
TASK_WORDS = tuple(dict.fromkeys(word for words in _BY_LANGUAGE.values() for word in words))

#: And for a request that was revised, beside these.
_REVISED = {
    "en": ["Revised", "Changed", "I have changed it"],
    "da": ["Ændret"],
    "de": ["Überarbeitet", "Geändert"],
    "es": ["Modificado", "Revisado"],
    "fr": ["Révisé", "Modifié", "C'est modifié"],
    "it": ["Modificato", "Rivisto"],
    "nl": ["Gewijzigd", "Aangepast"],
    "pl": ["Zmienione", "Poprawione"],
    "pt": ["Alterado", "Revisto"],
    "sv": ["Ändrat"],
}
REVISED_WORDS = tuple(dict.fromkeys(word for words in _REVISED.values() for word in words))
