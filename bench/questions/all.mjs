// The questions in their order. Each is one module; bench/README.md says what it offers.

import gateway from './gateway.mjs'
import growth from './growth.mjs'
import peers from './peers.mjs'
import policyCost from './policy_cost.mjs'
import policiesInUse from './policies_in_use.mjs'
import signIn from './sign_in.mjs'

export const questions = [policyCost, policiesInUse, gateway, peers, signIn, growth]
