# tests/receive/files.mk
