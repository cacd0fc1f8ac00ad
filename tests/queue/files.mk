# tests/queue/files.mk
