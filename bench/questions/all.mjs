// The questions in their order. Each is one module; bench/README.md says what it offers.

import growth from './growth.mjs'
import policyCost from './policy_cost.mjs'
import policiesInUse from './policies_in_use.mjs'

export const questions = [policyCost, policiesInUse, growth]
