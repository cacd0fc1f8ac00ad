# smtpfwd/story/files.mk - what became of each mail, kept for a time
noinst_LIBRARIES += smtpfwd/story/libstory.a
smtpfwd_story_libstory_a_SOURCES = \
	%D%/story.c %D%/story.h %D%/story_inside.h %D%/story_files.c %D%/story_files.h \
	%D%/story_line.c %D%/story_line.h %D%/story_lookup.c
