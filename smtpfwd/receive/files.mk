# smtpfwd/receive/files.mk - sessions of clients: what puts a mail in
noinst_LIBRARIES += smtpfwd/receive/libreceive.a
smtpfwd_receive_libreceive_a_SOURCES = \
	%D%/admit.c %D%/admit.h %D%/allowance.c %D%/allowance.h %D%/auth.c %D%/auth.h %D%/client_name.c %D%/client_name.h \
	%D%/command_line.c %D%/command_line.h %D%/content.c %D%/content.h \
	%D%/door.c %D%/door.h %D%/forward.c %D%/forward.h %D%/forward_inside.h %D%/forward_seek.c %D%/handshake.c %D%/handshake.h %D%/intake.c %D%/intake.h \
	%D%/judgement.c %D%/judgement.h %D%/listener.c %D%/listener.h %D%/mailboxes.c %D%/mailboxes.h %D%/onward.c %D%/onward.h %D%/opening.c %D%/opening.h \
	%D%/patience.c %D%/patience.h %D%/proxy.c %D%/proxy.h %D%/refusal.c %D%/refusal.h \
	%D%/server.c %D%/server.h %D%/session.c %D%/session.h %D%/silence.c %D%/silence.h %D%/stress.c %D%/stress.h \
	%D%/transaction.c %D%/transaction.h %D%/utf8_fields.c %D%/utf8_fields.h %D%/verify_rcpt.c %D%/verify_rcpt.h %D%/xclient.c %D%/xclient.h
