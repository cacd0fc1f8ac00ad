# smtpfwd/ctl/files.mk - the commands of smtpfwdctl; smtpfwdctl.c has the program (smtpfwd/files.mk)
noinst_LIBRARIES += smtpfwd/ctl/libctl.a
smtpfwd_ctl_libctl_a_SOURCES = \
	%D%/check_keys.c %D%/ctl.h %D%/export.c %D%/inquiry.c %D%/inquiry.h %D%/keygen.c %D%/passwd.c %D%/queue.c %D%/recipients.c \
	%D%/reload.c %D%/show.c %D%/show.h %D%/status.c %D%/top.c %D%/trace.c
