# tests/smtp/files.mk
