# policy/files.mk - judgement: no fibers, threads, sockets, queue or clock
noinst_LIBRARIES += policy/libpolicy.a
policy_libpolicy_a_SOURCES = \
	%D%/spf/iprev.c %D%/spf/iprev.h %D%/spf/spf.c %D%/spf/spf.h %D%/spf/spf_fence.c %D%/spf/spf_fence.h \
	%D%/spf/spf_inquiry.c %D%/spf/spf_inquiry.h %D%/spf/spf_macro.c %D%/spf/spf_macro.h %D%/spf/spf_record.c \
	%D%/spf/spf_record.h %D%/spf/spf_terms.c %D%/spf/spf_terms.h \
	%D%/dkim/dkim_body.c %D%/dkim/dkim_body.h %D%/dkim/dkim_canon.c %D%/dkim/dkim_canon.h %D%/dkim/dkim_check.c \
	%D%/dkim/dkim_check.h %D%/dkim/dkim_choose.c %D%/dkim/dkim_choose.h %D%/dkim/dkim_field.c %D%/dkim/dkim_field.h \
	%D%/dkim/dkim_key.c %D%/dkim/dkim_key.h %D%/dkim/dkim_key_record.c %D%/dkim/dkim_key_record.h %D%/dkim/dkim_keys.c \
	%D%/dkim/dkim_keys.h %D%/dkim/dkim_known.c %D%/dkim/dkim_known.h %D%/dkim/dkim_library.c %D%/dkim/dkim_library.h \
	%D%/dkim/dkim_lookup.c %D%/dkim/dkim_lookup.h \
	%D%/dkim/dkim_public.c %D%/dkim/dkim_public.h %D%/dkim/dkim_result.h %D%/dkim/dkim_sign.c %D%/dkim/dkim_sign.h \
	%D%/dkim/dkim_sign_inside.h %D%/dkim/dkim_signature.c %D%/dkim/dkim_signature.h %D%/dkim/dkim_signer.c \
	%D%/dkim/dkim_tags.c %D%/dkim/dkim_tags.h %D%/dkim/dkim_verify.c %D%/dkim/dkim_verify.h %D%/dkim/dkim_work.c %D%/dkim/dkim_work.h \
	%D%/dmarc/dmarc.c %D%/dmarc/dmarc.h %D%/dmarc/dmarc_record.c %D%/dmarc/dmarc_record.h %D%/dmarc/dmarc_walk.c \
	%D%/dmarc/dmarc_walk.h \
	%D%/arc/arc_field.c %D%/arc/arc_field.h %D%/arc/arc_seal.c %D%/arc/arc_seal.h %D%/arc/arc_sealer.c \
	%D%/arc/arc_sealer.h %D%/arc/arc_set.c %D%/arc/arc_set.h %D%/arc/arc_verify.c %D%/arc/arc_verify.h \
	%D%/srs/srs.c %D%/srs/srs.h %D%/srs/srs_inside.h %D%/srs/srs_rules.c \
	%D%/class/class_actions.c %D%/class/class_actions.h %D%/class/class_rate.c %D%/class/class_rate.h \
	%D%/class/class_rules.c %D%/class/class_rules.h %D%/class/glob.c %D%/class/glob.h %D%/class/pattern.c \
	%D%/class/pattern.h %D%/class/rate.c %D%/class/rate.h \
	%D%/class_bounds.c %D%/class_bounds.h %D%/class_edits.c %D%/class_edits.h %D%/class_rates.c %D%/class_rates.h \
	%D%/classify.c %D%/classify.h %D%/decide.c %D%/decide.h %D%/decide_srs.c %D%/decide_srs.h %D%/field_changes.c \
	%D%/field_changes.h %D%/findings.h %D%/inspect.c %D%/inspect.h %D%/judged.c %D%/judged.h %D%/policy.c %D%/policy.h \
	%D%/seal.c %D%/seal.h %D%/sender.c %D%/sender.h %D%/settings.c %D%/settings.h %D%/sign_rules.c %D%/sign_rules.h \
	%D%/stamp.c %D%/stamp.h %D%/survive.c %D%/survive.h %D%/transports.c %D%/transports.h %D%/verdict.h
