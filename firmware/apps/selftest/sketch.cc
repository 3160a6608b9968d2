/* SPDX-License-Identifier: Apache-2.0 */
/* One test vector through the model, shown by the serial monitor: outputs must be equal in every byte. */
#include <Arduino.h>

#include "selftest.h"
#include "vector.h"

void setup() {
    Serial.begin(115200);
}

void loop() {
    const unsigned long begin = micros();
    const uint32_t wrong = sapmcu_selftest(&SELFTEST_MODEL, &selftest_vector);
    const unsigned long end = micros();
    Serial.print(SELFTEST_MODEL.name);
    Serial.print(wrong == 0 ? ": outputs equal, " : ": outputs differ, ");
    Serial.print(end - begin);
    Serial.println(" us with copying and comparing");
    delay(1000);
}
