# tests/report/files.mk
