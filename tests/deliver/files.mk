# tests/deliver/files.mk - the client against peers by dialogue; next hops, routes, outcomes
deliver_test_libs = tests/libexpect.a smtpfwd/deliver/libdeliver.a smtpfwd/smtp/libsmtp.a smtpfwd/auth/libauth.a \
	smtpfwd/queue/libqueue.a smtpfwd/runtime/libruntime.a
check_PROGRAMS += tests/deliver/test_host tests/deliver/test_choices tests/deliver/test_client tests/deliver/test_handover \
	tests/deliver/test_courier
tests_deliver_test_host_SOURCES = %D%/test_host.c
tests_deliver_test_host_LDADD = $(deliver_test_libs) smtpfwd/runtime/libos.a mail/libmail.a base/libbase.a
tests_deliver_test_choices_SOURCES = %D%/test_choices.c
tests_deliver_test_choices_LDADD = $(deliver_test_libs) smtpfwd/runtime/libos.a mail/libmail.a base/libbase.a
tests_deliver_test_client_SOURCES = %D%/test_client.c %D%/peer.c %D%/peer.h
tests_deliver_test_client_LDADD = $(deliver_test_libs) tests/sim/libsim.a mail/libmail.a base/libbase.a
tests_deliver_test_handover_SOURCES = %D%/test_handover.c %D%/peer.c %D%/peer.h
tests_deliver_test_handover_LDADD = $(deliver_test_libs) tests/sim/libsim.a mail/libmail.a base/libbase.a
deliver_stage_sources = %D%/peer.c %D%/peer.h %D%/stage.c %D%/stage.h
deliver_stage_libs = $(deliver_test_libs) tests/sim/libsim.a mail/libmail.a base/libbase.a
tests_deliver_test_courier_SOURCES = %D%/test_courier.c $(deliver_stage_sources)
tests_deliver_test_courier_LDADD = $(deliver_stage_libs)
deliver_stories = tests/deliver/test_courier_adopt tests/deliver/test_courier_again tests/deliver/test_courier_dial tests/deliver/test_courier_load \
	tests/deliver/test_courier_mx tests/deliver/test_courier_pass tests/deliver/test_courier_stop tests/deliver/test_courier_tls
check_PROGRAMS += $(deliver_stories)
TESTS += $(deliver_stories)
tests_deliver_test_courier_adopt_SOURCES = %D%/test_courier_adopt.c $(deliver_stage_sources)
tests_deliver_test_courier_adopt_LDADD = $(deliver_stage_libs)
tests_deliver_test_courier_again_SOURCES = %D%/test_courier_again.c $(deliver_stage_sources)
tests_deliver_test_courier_again_LDADD = $(deliver_stage_libs)
tests_deliver_test_courier_dial_SOURCES = %D%/test_courier_dial.c $(deliver_stage_sources)
tests_deliver_test_courier_dial_LDADD = $(deliver_stage_libs)
tests_deliver_test_courier_load_SOURCES = %D%/test_courier_load.c $(deliver_stage_sources)
tests_deliver_test_courier_load_LDADD = $(deliver_stage_libs)
tests_deliver_test_courier_mx_SOURCES = %D%/test_courier_mx.c $(deliver_stage_sources)
tests_deliver_test_courier_mx_LDADD = $(deliver_stage_libs)
tests_deliver_test_courier_pass_SOURCES = %D%/test_courier_pass.c $(deliver_stage_sources)
tests_deliver_test_courier_pass_LDADD = $(deliver_stage_libs)
tests_deliver_test_courier_stop_SOURCES = %D%/test_courier_stop.c $(deliver_stage_sources)
tests_deliver_test_courier_stop_LDADD = $(deliver_stage_libs)
tests_deliver_test_courier_tls_SOURCES = %D%/test_courier_tls.c $(deliver_stage_sources)
tests_deliver_test_courier_tls_LDADD = $(deliver_stage_libs)
check_PROGRAMS += tests/deliver/test_limit tests/deliver/test_mx tests/deliver/test_plan
tests_deliver_test_mx_SOURCES = %D%/test_mx.c
tests_deliver_test_mx_LDADD = $(deliver_test_libs) tests/sim/libsim.a mail/libmail.a base/libbase.a
tests_deliver_test_limit_SOURCES = %D%/test_limit.c
tests_deliver_test_limit_LDADD = tests/libexpect.a smtpfwd/deliver/libdeliver.a base/libbase.a
tests_deliver_test_plan_SOURCES = %D%/test_plan.c
tests_deliver_test_plan_LDADD = $(tests_deliver_test_choices_LDADD)
TESTS += tests/deliver/test_limit tests/deliver/test_mx tests/deliver/test_plan
TESTS += tests/deliver/test_host tests/deliver/test_choices tests/deliver/test_client tests/deliver/test_handover tests/deliver/test_courier

check_PROGRAMS += tests/deliver/test_login
tests_deliver_test_login_SOURCES = %D%/test_login.c %D%/peer.c %D%/peer.h
tests_deliver_test_login_LDADD = $(deliver_test_libs) tests/sim/libsim.a mail/libmail.a base/libbase.a
TESTS += tests/deliver/test_login

check_PROGRAMS += tests/deliver/test_await tests/deliver/test_online_hung tests/deliver/test_online_strikes
tests_deliver_test_await_SOURCES = %D%/test_await.c
tests_deliver_test_await_LDADD = tests/libexpect.a smtpfwd/deliver/libdeliver.a mail/libmail.a base/libbase.a
tests_deliver_test_online_hung_SOURCES = %D%/test_online_hung.c $(deliver_stage_sources)
tests_deliver_test_online_hung_LDADD = $(deliver_stage_libs)
tests_deliver_test_online_strikes_SOURCES = %D%/test_online_strikes.c $(deliver_stage_sources)
tests_deliver_test_online_strikes_LDADD = $(deliver_stage_libs)
TESTS += tests/deliver/test_await tests/deliver/test_online_hung tests/deliver/test_online_strikes

check_PROGRAMS += tests/deliver/test_online
tests_deliver_test_online_SOURCES = %D%/test_online.c $(deliver_stage_sources)
tests_deliver_test_online_LDADD = $(deliver_stage_libs)
TESTS += tests/deliver/test_online
check_PROGRAMS += tests/deliver/test_courier_identity
tests_deliver_test_courier_identity_SOURCES = %D%/test_courier_identity.c $(deliver_stage_sources)
tests_deliver_test_courier_identity_LDADD = $(deliver_stage_libs)
TESTS += tests/deliver/test_courier_identity
check_PROGRAMS += tests/deliver/test_identity
tests_deliver_test_identity_SOURCES = %D%/test_identity.c %D%/peer.c %D%/peer.h
tests_deliver_test_identity_LDADD = $(deliver_test_libs) tests/sim/libsim.a mail/libmail.a base/libbase.a
TESTS += tests/deliver/test_identity
online_client_sources = %D%/online_client.c %D%/online_client.h $(deliver_stage_sources)
online_client_stories = tests/deliver/test_online_load tests/deliver/test_online_sessions tests/deliver/test_online_stop
check_PROGRAMS += $(online_client_stories)
TESTS += $(online_client_stories)
tests_deliver_test_online_load_SOURCES = %D%/test_online_load.c $(online_client_sources)
tests_deliver_test_online_load_LDADD = $(deliver_stage_libs)
tests_deliver_test_online_sessions_SOURCES = %D%/test_online_sessions.c $(online_client_sources)
tests_deliver_test_online_sessions_LDADD = $(deliver_stage_libs)
tests_deliver_test_online_stop_SOURCES = %D%/test_online_stop.c $(online_client_sources)
tests_deliver_test_online_stop_LDADD = $(deliver_stage_libs)

check_PROGRAMS += tests/deliver/test_sender
tests_deliver_test_sender_SOURCES = %D%/test_sender.c
tests_deliver_test_sender_LDADD = $(tests_deliver_test_choices_LDADD)
TESTS += tests/deliver/test_sender

check_PROGRAMS += tests/deliver/test_online_identity
tests_deliver_test_online_identity_SOURCES = %D%/test_online_identity.c $(deliver_stage_sources)
tests_deliver_test_online_identity_LDADD = $(deliver_stage_libs)
TESTS += tests/deliver/test_online_identity
check_PROGRAMS += tests/deliver/test_view
tests_deliver_test_view_SOURCES = %D%/test_view.c
tests_deliver_test_view_LDADD = $(tests_deliver_test_identity_LDADD)
TESTS += tests/deliver/test_view
