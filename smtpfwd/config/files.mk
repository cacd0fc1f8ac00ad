# smtpfwd/config/files.mk - smtpfwd.conf turned into what each part wants
noinst_LIBRARIES += smtpfwd/config/libconfig.a
smtpfwd_config_libconfig_a_SOURCES = \
	%D%/class_rate.c \
	%D%/arc.c %D%/check_files.c %D%/check_files.h %D%/class.c %D%/class_actions.c %D%/config.c %D%/config.h %D%/files.c %D%/files.h %D%/listen.c %D%/milter.c %D%/options.c %D%/options.h %D%/own_fields.c %D%/policy.c %D%/policy.h %D%/recipients.c %D%/resolver.c %D%/resolver.h %D%/route.c \
	%D%/sign.c %D%/sign_keys.c %D%/sign_keys.h %D%/srs.c %D%/srs_file.c %D%/srs_file.h %D%/transport.c %D%/verify.c
