# Ruby with `pg` and the gem connection_pool: sign in once, then each transaction begins with the token.
require 'json'

# docs/clients.md: begin
require 'connection_pool'
require 'pg'

POOL = ConnectionPool.new(size: 5) { PG.connect(ENV.fetch('DATABASE_URL')) }

def sign_in(name, password, address)
  POOL.with do |connection|
    connection.exec_params('select token, tenant_id, tenants from tenancy.login($1, $2, $3)',
                           [name, password, { address: address }.to_json]).first
  end
end

def transaction(token)
  POOL.with do |connection|
    connection.transaction do # commits at its end, rolls back on an exception
      connection.exec_params('select tenancy.attach($1)', [token])
      yield connection
    end
  end
end

def patients(token)
  transaction(token) { |connection| connection.exec('select id, first_name from app.patients order by id').to_a }
end

def status_of(error)
  sqlstate = error.result&.error_field(PG::Result::PG_DIAG_SQLSTATE)
  { '28P01' => 401, '28000' => 401, '53400' => 429, '42501' => 403 }.fetch(sqlstate, 500)
end
# docs/clients.md: end
