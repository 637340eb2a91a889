// The questions in their order. Each is one module; bench/README.md says what it offers.

import policyCost from './policy_cost.mjs'
import policiesInUse from './policies_in_use.mjs'
import attach from './attach.mjs'
import gateway from './gateway.mjs'
import peers from './peers.mjs'
import signIn from './sign_in.mjs'
import growth from './growth.mjs'
import search from './search.mjs'

export const questions = [policyCost, policiesInUse, attach, gateway, peers, signIn, growth, search]
