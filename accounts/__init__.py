"""Who: users, enterprises, their members, their certificates, and the record of what was done. Knows no documents."""
