# smtpfwd/explain/files.mk - what would become of a mail, and why, without sending any
noinst_LIBRARIES += smtpfwd/explain/libexplain.a
smtpfwd_explain_libexplain_a_SOURCES = \
	%D%/class.c %D%/command.c %D%/content.c %D%/explain.c %D%/explain.h %D%/findings.c %D%/identity.c %D%/mail.c %D%/mail.h \
	%D%/mailbox.c %D%/milter.c %D%/onward.c %D%/signing.c %D%/text.c
