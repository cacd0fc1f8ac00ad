/*
 * fiber_switch_x86_64.S - the switch for x86-64 (System V ABI)
 *
 * Keeps what a called function must keep: rbx, rbp, r12-r15, and the control words of
 * SSE and x87.  The frame is mirrored in fiber_switch_assembly.c.
 */
#if defined(__x86_64__)
	.text
	.p2align 4
	.globl	fiber_context_switch
	.type	fiber_context_switch, @function
fiber_context_switch:
	.cfi_startproc
	endbr64
	pushq	%rbp
	.cfi_adjust_cfa_offset 8
	.cfi_rel_offset rbp, 0
	pushq	%rbx
	.cfi_adjust_cfa_offset 8
	.cfi_rel_offset rbx, 0
	pushq	%r12
	.cfi_adjust_cfa_offset 8
	.cfi_rel_offset r12, 0
	pushq	%r13
	.cfi_adjust_cfa_offset 8
	.cfi_rel_offset r13, 0
	pushq	%r14
	.cfi_adjust_cfa_offset 8
	.cfi_rel_offset r14, 0
	pushq	%r15
	.cfi_adjust_cfa_offset 8
	.cfi_rel_offset r15, 0
	subq	$8, %rsp
	.cfi_adjust_cfa_offset 8
	stmxcsr	(%rsp)
	fnstcw	4(%rsp)

	movq	%rsp, (%rdi)
	movq	(%rsi), %rsp

	ldmxcsr	(%rsp)
	fldcw	4(%rsp)
	addq	$8, %rsp
	.cfi_adjust_cfa_offset -8
	popq	%r15
	.cfi_adjust_cfa_offset -8
	.cfi_restore r15
	popq	%r14
	.cfi_adjust_cfa_offset -8
	.cfi_restore r14
	popq	%r13
	.cfi_adjust_cfa_offset -8
	.cfi_restore r13
	popq	%r12
	.cfi_adjust_cfa_offset -8
	.cfi_restore r12
	popq	%rbx
	.cfi_adjust_cfa_offset -8
	.cfi_restore rbx
	popq	%rbp
	.cfi_adjust_cfa_offset -8
	.cfi_restore rbp
	ret
	.cfi_endproc
	.size	fiber_context_switch, . - fiber_context_switch

/* The first return of a new context leads here: r13(r12), from which there is no way back. */
	.p2align 4
	.globl	fiber_context_begin
	.type	fiber_context_begin, @function
fiber_context_begin:
	.cfi_startproc
	.cfi_undefined rip
	endbr64
	movq	%r12, %rdi
	call	*%r13
	ud2
	.cfi_endproc
	.size	fiber_context_begin, . - fiber_context_begin
#endif
	.section .note.GNU-stack, "", %progbits
