# tests/live/files.mk
