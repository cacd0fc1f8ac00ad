# tests/live/files.mk - tests against programs that we did not write; run by tests/run
EXTRA_DIST += %D%/world.py %D%/test_postfix.py %D%/test_kill.py %D%/test_connections.py %D%/test_hostile.py %D%/test_operate.py %D%/test_reload.py %D%/test_service.py %D%/test_systemd.py \
	%D%/test_report.py %D%/test_certificates.py
EXTRA_DIST += %D%/test_operator.py
EXTRA_DIST += %D%/test_bench.py
EXTRA_DIST += %D%/test_auth.py
EXTRA_DIST += %D%/test_mx.py %D%/names.py %D%/test_spf_suite.py %D%/opendkim.py %D%/test_judgement.py %D%/test_dns_hostile.py
EXTRA_DIST += %D%/test_arc.py %D%/sealed.py %D%/arc_suite.py
EXTRA_DIST += %D%/test_recipients.py %D%/test_mailboxes.py
EXTRA_DIST += %D%/test_keygen.py
EXTRA_DIST += %D%/test_sign.py %D%/test_srs.py
EXTRA_DIST += %D%/test_explain.py %D%/test_explain_agreement.py %D%/test_classify.py %D%/test_class_actions.py %D%/test_check_keys.py
EXTRA_DIST += %D%/test_identity.py %D%/witnesses.py %D%/test_identity_relay.py
EXTRA_DIST += %D%/test_online.py %D%/test_survive.py
EXTRA_DIST += %D%/test_ledger.py %D%/ledger_hop.py
EXTRA_DIST += %D%/test_by_recipient.py %D%/test_rates.py
EXTRA_DIST += %D%/milter.py %D%/milter_client.py %D%/test_milter.py %D%/test_milter_ways.py
EXTRA_DIST += %D%/test_postfix_pieces.py
EXTRA_DIST += %D%/test_milter_soup.py %D%/test_milter_doors.py
EXTRA_DIST += %D%/test_scenario.py %D%/scenario_filter.py %D%/scenario_mails.py %D%/scenario_net.py %D%/scenario_postfix.py %D%/scenario_programs.py \
	%D%/scenario_send.py
check_PROGRAMS += tests/live/introduce
tests_live_introduce_SOURCES = %D%/introduce.c
tests_live_introduce_LDADD = smtpfwd/deliver/libdeliver.a smtpfwd/smtp/libsmtp.a smtpfwd/auth/libauth.a smtpfwd/queue/libqueue.a \
	smtpfwd/runtime/libruntime.a smtpfwd/runtime/libos.a mail/libmail.a base/libbase.a
