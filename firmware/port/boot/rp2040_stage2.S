/* SPDX-License-Identifier: Apache-2.0 */
/* The second stage of RP2040's boot: the boot ROM copies these 256 bytes from the start of flash to SRAM,
 * checks their CRC and jumps to them. They turn on execution in place with the read command that every serial
 * flash knows (03h, one line, at most 50 MHz), at a quarter of the system clock, and start the program behind
 * them. rp2040_stage2.c has the same as numbers. Sources: RP2040 Datasheet, 2.8.1.3, Second stage; 4.10, SSI;
 * W25Q16JV data sheet, Read Data (03h). */
    .syntax unified
    .cpu cortex-m0plus
    .thumb
    .section .text
    .global _start

    .equ XIP_SSI, 0x18000000
    .equ CTRLR0, 0x00
    .equ CTRLR1, 0x04
    .equ SSIENR, 0x08
    .equ BAUDR, 0x14
    .equ SPI_CTRLR0, 0xF4

_start:
    ldr r3, =XIP_SSI
    movs r0, #0
    str r0, [r3, #SSIENR] /* off, to be set up */
    movs r1, #4
    str r1, [r3, #BAUDR]
    ldr r1, =(31 << 16 | 3 << 8) /* frames of 32 bits, one line; a command, then data in */
    str r1, [r3, #CTRLR0]
    str r0, [r3, #CTRLR1] /* one word each time */
    ldr r1, =(0x03 << 24 | 2 << 8 | 6 << 2) /* the command: 8 bits; 24 bits of address */
    ldr r2, =(XIP_SSI + SPI_CTRLR0)
    str r1, [r2]
    movs r1, #1
    str r1, [r3, #SSIENR]
    ldr r0, =0x10000100 /* the program's vector table */
    ldr r1, =0xE000ED08 /* VTOR */
    str r0, [r1]
    ldmia r0!, {r1, r2}
    mov sp, r1
    bx r2
    .ltorg
