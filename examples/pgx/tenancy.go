// Go with pgx and its pool: sign in once, then each transaction begins with the token.
package main

// docs/clients.md: begin
import (
	"context"
	"errors"

	"github.com/jackc/pgconn"
	"github.com/jackc/pgconn/stmtcache"
	"github.com/jackc/pgx/v4"
	"github.com/jackc/pgx/v4/pgxpool"
)

type App struct{ pool *pgxpool.Pool }

func Connect(ctx context.Context, url string) (*App, error) {
	config, err := pgxpool.ParseConfig(url)
	if err != nil {
		return nil, err
	}
	config.ConnConfig.BuildStatementCache = func(conn *pgconn.PgConn) stmtcache.Cache {
		return stmtcache.New(conn, stmtcache.ModeDescribe, 512) // ModePrepare would DEALLOCATE in a context
	}
	pool, err := pgxpool.ConnectConfig(ctx, config)
	return &App{pool}, err
}

func (app *App) SignIn(ctx context.Context, name, password, address string) (token string, tenant *string, err error) {
	err = app.pool.QueryRow(ctx, "select token, tenant_id from tenancy.login($1, $2, $3)",
		name, password, map[string]string{"address": address}).Scan(&token, &tenant)
	return token, tenant, err
}

func (app *App) Transaction(ctx context.Context, token string, work func(pgx.Tx) error) error {
	return app.pool.BeginFunc(ctx, func(tx pgx.Tx) error { // commits when nil comes back, else rolls back
		if _, err := tx.Exec(ctx, "select tenancy.attach($1)", token); err != nil {
			return err
		}
		return work(tx)
	})
}

func (app *App) Patients(ctx context.Context, token string) (ids []int64, err error) {
	err = app.Transaction(ctx, token, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, "select id from app.patients order by id")
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var id int64
			if err := rows.Scan(&id); err != nil {
				return err
			}
			ids = append(ids, id)
		}
		return rows.Err()
	})
	return ids, err
}

func StatusOf(err error) int {
	var refused *pgconn.PgError
	if errors.As(err, &refused) {
		switch refused.Code {
		case "28P01", "28000":
			return 401
		case "53400":
			return 429
		case "42501":
			return 403
		}
	}
	return 500
}

// docs/clients.md: end
