# tests/mail/files.mk
