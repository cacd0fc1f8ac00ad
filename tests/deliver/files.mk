# tests/deliver/files.mk
