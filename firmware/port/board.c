/* SPDX-License-Identifier: Apache-2.0 */
#include "board.h"

static sapmcu_port_state state;

const sapmcu_port_state *sapmcu_port_read_state(void) {
    return &state;
}

uint32_t sapmcu_board_prepare(void) {
    return sapmcu_take_steps(&sapmcu_this_board.start);
}

static uint32_t reset_reasons(const sapmcu_board *board) {
    uint32_t reasons = 0;
    for (size_t i = 0; i < board->reset_flag_count; ++i) {
        const sapmcu_reset_flag *flag = &board->reset_flags[i];
        reasons |= (SAPMCU_REGISTER(flag->address) & flag->bits) != 0 ? flag->reason : 0u;
    }
    return reasons;
}

void sapmcu_board_begin(uint32_t failed_step) {
    const sapmcu_board *board = &sapmcu_this_board;
    state.fault = sapmcu_last_fault();
    state.reset_reasons = reset_reasons(board);
    sapmcu_take_steps(&board->forget);
    state.failed_start_step = failed_step;
    sapmcu_protect_memory(board->regions, board->region_count);
    if (board->enable_caches != NULL) {
        board->enable_caches();
    }
    state.failed_clock_step = sapmcu_take_steps(&board->clock);
    state.core_hz = state.failed_clock_step == 0 ? board->clock_hz : board->start_hz;
}
