// The questions in their order. Each is one module; bench/README.md says what it offers.

export const questions = []
