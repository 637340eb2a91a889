/* What the gateway of the demo "One tenant per user" tells of its data. Made by `npm run types`, not by hand. */

export type paths = Record<string, never>;
export type webhooks = Record<string, never>;
export interface components {
    schemas: {
        ".error": {
            code: string;
            details: unknown;
            hint: string | null;
            message: string;
        };
        ".session": {
            /** Format: date-time */
            expiresAt?: string;
            isAdmin?: boolean | null;
            tenantId?: string | null;
            tenantName?: string | null;
            tenants?: {
                id?: string;
                name?: string | null;
            }[];
            userId?: string;
            userName?: string | null;
        };
        /** @description The patients of the tenant who asks. */
        patients: {
            /**
             * Format: date
             * @description Date of birth.
             */
            dob?: string;
            /** @description First name. */
            firstName?: string;
            /**
             * Format: int64
             * @description Number of the patient.
             *
             *     The primary key.
             */
            readonly id?: number;
            /** @description Last name. */
            lastName?: string;
            /**
             * Format: int64
             * @description The tenant that the patient belongs to.
             *
             *     Refers to `tenants.id`.
             */
            tenantId?: number;
        };
        "patients.insert": {
            /**
             * Format: date
             * @description Date of birth.
             */
            dob: string;
            /** @description First name. */
            firstName: string;
            /** @description Last name. */
            lastName: string;
            /**
             * Format: int64
             * @description The tenant that the patient belongs to.
             *
             *     Refers to `tenants.id`.
             */
            tenantId?: number;
        };
        "patients.update": {
            /**
             * Format: date
             * @description Date of birth.
             */
            dob?: string;
            /** @description First name. */
            firstName?: string;
            /** @description Last name. */
            lastName?: string;
            /**
             * Format: int64
             * @description The tenant that the patient belongs to.
             *
             *     Refers to `tenants.id`.
             */
            tenantId?: number;
        };
        /** @description The tenant who asks; for an admin all of them. */
        tenants: {
            /** @description Name shown to people. */
            displayName?: string;
            /**
             * Format: int64
             * @description Number of the tenant; the tenant column of this table.
             *
             *     The primary key.
             */
            readonly id?: number;
            /** @description The users of this tenant administer all tenants. */
            isAdmin?: boolean;
        };
        /** @description The users of the tenant who asks. */
        users: {
            /**
             * Format: int64
             * @description Number of the user.
             *
             *     The primary key.
             */
            readonly id?: number;
            /**
             * Format: int64
             * @description The tenant that the user belongs to.
             *
             *     Refers to `tenants.id`.
             */
            tenantId?: number;
            /** @description Name for signing in; unique over all tenants. */
            userName?: string;
        };
    };
    responses: never;
    parameters: never;
    requestBodies: never;
    headers: never;
    pathItems: never;
}
export type $defs = Record<string, never>;
export type operations = Record<string, never>;
