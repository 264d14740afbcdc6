// What only the pages for everybody have. Everything works without this file.
