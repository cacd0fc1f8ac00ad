# smtpfwd/runtime/files.mk - fibers, streams and the OS seam; libos.a is what the simulation replaces
noinst_LIBRARIES += smtpfwd/runtime/libruntime.a smtpfwd/runtime/libos.a
smtpfwd_runtime_libruntime_a_SOURCES = \
	%D%/background.c %D%/background.h %D%/fiber.c %D%/fiber.h %D%/fiber_sanitize.h %D%/fiber_stack.c %D%/fiber_stack.h %D%/fiber_switch.h \
	%D%/inherited.c %D%/inherited.h %D%/journal.c %D%/journal.h %D%/log_inside.h %D%/log_place.c \
	%D%/log_writer.c %D%/log_writer.h %D%/loop.c %D%/loop_inside.h \
	%D%/notify.c %D%/notify.h %D%/os.h %D%/privileges.c %D%/privileges.h \
	%D%/stream.c %D%/stream.h %D%/stream_inside.h %D%/stream_tls.c \
	%D%/sync.c %D%/sync.h %D%/tls.c %D%/tls.h %D%/tls_authorities.c %D%/tls_clients.c %D%/tls_inside.h
smtpfwd_runtime_libruntime_a_SOURCES += \
	%D%/hosts.c %D%/hosts.h %D%/resolv_conf.c %D%/resolv_conf.h %D%/resolver.c %D%/resolver.h \
	%D%/resolver_cache.c %D%/resolver_cache.h %D%/resolver_switch.c %D%/resolver_switch.h \
	%D%/text_file.c %D%/text_file.h %D%/unbound_events.c %D%/unbound_events.h \
	%D%/unbound_setup.c %D%/unbound_setup.h
if FIBER_UCONTEXT
smtpfwd_runtime_libruntime_a_SOURCES += %D%/fiber_switch_ucontext.c
else
smtpfwd_runtime_libruntime_a_SOURCES += \
	%D%/fiber_switch_assembly.c %D%/fiber_switch_aarch64.S %D%/fiber_switch_x86_64.S
endif
smtpfwd_runtime_libos_a_SOURCES = \
	%D%/os_linux.c %D%/os_linux_crew.c %D%/os_linux_file.c %D%/os_linux_log.c \
	%D%/os_linux_random.c %D%/os_linux_socket.c %D%/os_linux_starter.c
