# tests/fuzz/files.mk - a libFuzzer target for each parser of foreign bytes; built with --enable-fuzz only
#
# A target is one file, its name in fuzz_programs; corpus/NAME has what it begins with.
EXTRA_DIST += %D%/README %D%/run %D%/seeds %D%/corpus %D%/dictionaries

fuzz_plain = tests/fuzz/fuzz_address tests/fuzz/fuzz_arc tests/fuzz/fuzz_auth tests/fuzz/fuzz_auth_results tests/fuzz/fuzz_author tests/fuzz/fuzz_dmarc tests/fuzz/fuzz_classify tests/fuzz/fuzz_code tests/fuzz/fuzz_conf tests/fuzz/fuzz_command tests/fuzz/fuzz_data \
	tests/fuzz/fuzz_dkim \
	tests/fuzz/fuzz_dkim_canon tests/fuzz/fuzz_dkim_sign tests/fuzz/fuzz_dns tests/fuzz/fuzz_ehlo tests/fuzz/fuzz_endpoint tests/fuzz/fuzz_envelope tests/fuzz/fuzz_header tests/fuzz/fuzz_judge tests/fuzz/fuzz_milter tests/fuzz/fuzz_postfix \
	tests/fuzz/fuzz_proxy tests/fuzz/fuzz_reply tests/fuzz/fuzz_servers tests/fuzz/fuzz_spf tests/fuzz/fuzz_srs tests/fuzz/fuzz_trace tests/fuzz/fuzz_words
fuzz_worlds = tests/fuzz/fuzz_client tests/fuzz/fuzz_control tests/fuzz/fuzz_mx tests/fuzz/fuzz_names tests/fuzz/fuzz_online \
	tests/fuzz/fuzz_recipients tests/fuzz/fuzz_record tests/fuzz/fuzz_server tests/fuzz/fuzz_spool tests/fuzz/fuzz_story tests/fuzz/fuzz_wording
fuzz_programs = $(fuzz_plain) $(fuzz_worlds)
EXTRA_PROGRAMS += $(fuzz_programs)
if FUZZ
noinst_PROGRAMS += $(fuzz_programs)
endif

EXTRA_LIBRARIES += tests/fuzz/libfuzz.a
tests_fuzz_libfuzz_a_SOURCES = %D%/fuzz.c %D%/fuzz.h
FUZZ_LINK = -fsanitize=fuzzer
fuzz_libs = tests/fuzz/libfuzz.a smtpfwd/smtp/libsmtp.a mail/libmail.a base/libbase.a $(IDN2_LIBS)

tests_fuzz_fuzz_address_LDADD = $(fuzz_libs)
tests_fuzz_fuzz_address_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_arc_LDADD = policy/libpolicy.a $(fuzz_libs)
tests_fuzz_fuzz_arc_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_auth_LDADD = tests/fuzz/libfuzz.a smtpfwd/auth/libauth.a smtpfwd/runtime/libruntime.a \
	smtpfwd/runtime/libos.a base/libbase.a -lpthread
tests_fuzz_fuzz_auth_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_auth_results_LDADD = $(fuzz_libs)
tests_fuzz_fuzz_auth_results_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_author_LDADD = $(fuzz_libs)
tests_fuzz_fuzz_author_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_dmarc_LDADD = policy/libpolicy.a $(fuzz_libs)
tests_fuzz_fuzz_dmarc_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_classify_LDADD = policy/libpolicy.a $(fuzz_libs)
tests_fuzz_fuzz_classify_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_conf_LDADD = policy/libpolicy.a $(fuzz_libs)
tests_fuzz_fuzz_conf_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_code_LDADD = $(fuzz_libs)
tests_fuzz_fuzz_code_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_command_LDADD = $(fuzz_libs)
tests_fuzz_fuzz_command_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_data_LDADD = $(fuzz_libs)
tests_fuzz_fuzz_data_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_dkim_canon_LDADD = policy/libpolicy.a $(fuzz_libs)
tests_fuzz_fuzz_dkim_canon_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_dkim_LDADD = policy/libpolicy.a $(fuzz_libs)
tests_fuzz_fuzz_dkim_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_dkim_sign_LDADD = policy/libpolicy.a $(fuzz_libs)
tests_fuzz_fuzz_dkim_sign_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_dns_LDADD = $(fuzz_libs)
tests_fuzz_fuzz_dns_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_ehlo_LDADD = $(fuzz_libs)
tests_fuzz_fuzz_ehlo_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_endpoint_LDADD = $(fuzz_libs)
tests_fuzz_fuzz_endpoint_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_envelope_LDADD = $(fuzz_libs)
tests_fuzz_fuzz_envelope_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_header_LDADD = $(fuzz_libs)
tests_fuzz_fuzz_header_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_milter_LDADD = milter/libpostfix.a $(fuzz_libs)
tests_fuzz_fuzz_milter_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_postfix_SOURCES = %D%/fuzz_postfix.c tests/milter/judging_stage.c tests/milter/judging_stage.h tests/policy/zone.c tests/policy/zone.h tests/policy/dkim_vectors.h
tests_fuzz_fuzz_postfix_LDADD = milter/libjudging.a policy/libpolicy.a $(fuzz_libs) smtpfwd/runtime/libruntime.a smtpfwd/runtime/libos.a base/libbase.a \
	$(SPF2_LIBS) $(OPENSSL_LIBS) -lpthread
tests_fuzz_fuzz_postfix_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_proxy_LDADD = $(fuzz_libs)
tests_fuzz_fuzz_proxy_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_reply_LDADD = $(fuzz_libs)
tests_fuzz_fuzz_reply_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_servers_LDADD = milter/libservers.a milter/libpostfix.a milter/libjudging.a policy/libpolicy.a $(fuzz_libs) \
	smtpfwd/runtime/libruntime.a smtpfwd/runtime/libos.a base/libbase.a $(OPENSSL_LIBS) -lpthread
tests_fuzz_fuzz_servers_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_trace_LDADD = $(fuzz_libs)
tests_fuzz_fuzz_trace_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_words_LDADD = $(fuzz_libs)
tests_fuzz_fuzz_words_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_spf_SOURCES = %D%/fuzz_spf.c tests/policy/zone.c tests/policy/zone.h
tests_fuzz_fuzz_spf_LDADD = tests/fuzz/libfuzz.a policy/libpolicy.a mail/libmail.a base/libbase.a $(IDN2_LIBS) $(SPF2_LIBS)
tests_fuzz_fuzz_spf_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_judge_SOURCES = %D%/fuzz_judge.c tests/policy/zone.c tests/policy/zone.h tests/policy/dkim_vectors.h
tests_fuzz_fuzz_judge_LDADD = tests/fuzz/libfuzz.a policy/libpolicy.a mail/libmail.a base/libbase.a $(IDN2_LIBS) $(SPF2_LIBS)
tests_fuzz_fuzz_judge_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_srs_LDADD = policy/libpolicy.a $(fuzz_libs)
tests_fuzz_fuzz_srs_LDFLAGS = $(FUZZ_LINK)

# Those that live in the simulated world.
fuzz_world_libs = smtpfwd/smtp/libsmtp.a smtpfwd/auth/libauth.a smtpfwd/queue/libqueue.a smtpfwd/runtime/libruntime.a tests/sim/libsim.a \
	policy/libpolicy.a mail/libmail.a tests/libexpect.a base/libbase.a
tests_fuzz_fuzz_client_LDADD = tests/fuzz/libfuzz.a smtpfwd/deliver/libdeliver.a $(fuzz_world_libs)
tests_fuzz_fuzz_client_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_server_LDADD = tests/fuzz/libfuzz.a tests/receive/libstage.a smtpfwd/receive/libreceive.a smtpfwd/recipients/librecipients.a $(fuzz_world_libs)
tests_fuzz_fuzz_server_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_online_SOURCES = %D%/fuzz_online.c tests/relay/relay.c tests/relay/relay.h tests/relay/peers.c tests/relay/wire.c tests/relay/wire.h
tests_fuzz_fuzz_online_LDADD = tests/fuzz/libfuzz.a smtpfwd/receive/libreceive.a smtpfwd/report/libreport.a smtpfwd/deliver/libdeliver.a \
	smtpfwd/recipients/librecipients.a $(fuzz_world_libs)
tests_fuzz_fuzz_online_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_recipients_LDADD = tests/fuzz/libfuzz.a smtpfwd/recipients/librecipients.a $(fuzz_world_libs)
tests_fuzz_fuzz_recipients_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_record_LDADD = tests/fuzz/libfuzz.a $(fuzz_world_libs)
tests_fuzz_fuzz_record_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_spool_SOURCES = %D%/fuzz_spool.c tests/queue/yard.c tests/queue/yard.h
tests_fuzz_fuzz_spool_LDADD = tests/fuzz/libfuzz.a $(fuzz_world_libs)
tests_fuzz_fuzz_spool_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_control_SOURCES = %D%/fuzz_control.c tests/queue/yard.c tests/queue/yard.h
tests_fuzz_fuzz_control_LDADD = tests/fuzz/libfuzz.a smtpfwd/control/libcontrol.a smtpfwd/recipients/librecipients.a $(fuzz_world_libs)
tests_fuzz_fuzz_control_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_names_LDADD = tests/fuzz/libfuzz.a $(fuzz_world_libs)
tests_fuzz_fuzz_names_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_mx_LDADD = tests/fuzz/libfuzz.a smtpfwd/deliver/libdeliver.a $(fuzz_world_libs)
tests_fuzz_fuzz_mx_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_story_LDADD = tests/fuzz/libfuzz.a smtpfwd/story/libstory.a $(fuzz_world_libs)
tests_fuzz_fuzz_story_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_wording_LDADD = tests/fuzz/libfuzz.a smtpfwd/report/libreport.a $(fuzz_world_libs)
tests_fuzz_fuzz_wording_LDFLAGS = $(FUZZ_LINK)
