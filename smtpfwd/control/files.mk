# smtpfwd/control/files.mk - the operator's socket, at both ends
noinst_LIBRARIES += smtpfwd/control/libcontrol.a
smtpfwd_control_libcontrol_a_SOURCES = \
	%D%/ask.c %D%/ask.h %D%/control.c %D%/control.h %D%/json_rate.c %D%/json_str.c %D%/queue_commands.c %D%/queue_commands.h \
	%D%/queue_filters.c %D%/queue_filters.h %D%/queue_json.c %D%/queue_json.h \
	%D%/recipients_commands.c %D%/recipients_commands.h %D%/story_command.c %D%/story_command.h
