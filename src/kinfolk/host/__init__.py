"""Where calls meet objects: takes requests and answers them, now or later. No sockets here."""
