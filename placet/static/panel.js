// What only the pages of Administration have. Everything works without this file.
