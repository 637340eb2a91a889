// Only in tenancy_faults.so: throws at a chosen entry, to show what the seam does with it.
#pragma once

namespace tenancy::faults {

void define_setting();

// Throws when the setting tenancy.fault names this entry: 'attach:std' and so on. Kinds: sql (SqlError),
// std (std::runtime_error), memory (std::bad_alloc), int (a thrown int), postgres (an ERROR of the server's,
// below a live C++ object), bare (the same without
// the guard: shows what is lost).
void strike(const char *entry);

} // namespace tenancy::faults
