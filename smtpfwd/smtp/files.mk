# smtpfwd/smtp/files.mk - wire syntax, pure: bytes in, structs out, and back
noinst_LIBRARIES += smtpfwd/smtp/libsmtp.a
smtpfwd_smtp_libsmtp_a_SOURCES = \
	%D%/command.c %D%/command.h %D%/command_envelope.c %D%/command_parts.h \
	%D%/command_write.c %D%/command_xclient.c %D%/data.c %D%/data.h %D%/data_scan.h \
	%D%/ehlo.c %D%/ehlo.h %D%/introduce.c %D%/introduce.h %D%/limits.h %D%/proxy.c %D%/proxy.h \
	%D%/reply_read.c %D%/reply_read.h
