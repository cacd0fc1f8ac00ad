# smtpfwd/auth/files.mk - logins: SASL exchanges, who may log in, and how often it may be tried
noinst_LIBRARIES += smtpfwd/auth/libauth.a
smtpfwd_auth_libauth_a_SOURCES = \
	%D%/guesses.c %D%/guesses.h %D%/prepare.c %D%/prepare.h %D%/sasl.c %D%/sasl.h %D%/sasl_client.c %D%/sasl_inside.h \
	%D%/sasl_server.c %D%/secret_file.c %D%/secret_file.h %D%/turnstile.c %D%/turnstile.h %D%/users.c %D%/users.h \
	%D%/verifier.c %D%/verifier.h
