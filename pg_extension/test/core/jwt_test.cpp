// Signed tokens and their keys: the examples of the RFCs, and what forgers send.
#include "core/base64url.hpp"
#include "core/error.hpp"
#include "core/json.hpp"
#include "core/jwt.hpp"

#include <cstring>
#include <functional>

#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rsa.h>

using namespace tenancy;
using namespace tenancy::core;
using jwt::Algorithm;
using jwt::Refusal;

namespace {

std::string encode(std::string_view bytes)
{
    static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    std::string text;
    std::uint32_t buffer = 0;
    int bits = 0;
    for (const char c : bytes) {
        buffer = buffer << 8 | static_cast<unsigned char>(c);
        for (bits += 8; bits >= 6;) {
            bits -= 6;
            text += alphabet[buffer >> bits & 63];
        }
    }
    if (bits > 0)
        text += alphabet[buffer << (6 - bits) & 63];
    return text;
}

// RFC 7515, appendix A: one payload, three algorithms.
const std::string rfc_payload = "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";
const std::string a1_header = "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9";
const std::string a1_signature = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const std::string a1_key = R"({"kty":"oct","k":"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow"})";
const std::string a2_signature =
    "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t"
    "1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12j"
    "zDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQ"
    "Ge77Rw";
const std::string a2_modulus =
    "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pC"
    "gNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg6"
    "65xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRW"
    "yuXpoQ";
const std::string a2_key = R"({"kty":"RSA","n":")" + a2_modulus + R"(","e":"AQAB"})";
const std::string a3_signature =
    "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q";
const std::string a3_key = R"({"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",)"
                           R"("y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"})";
// RFC 8037, appendix A.4.
const std::string ed25519_key = R"({"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"})";
const std::string ed25519_signature =
    "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg";

bool checks(const std::string &jwk, Algorithm algorithm, const std::string &input, const std::string &signature)
{
    return jwt::Key(jwk, algorithm).verifies(input, base64url::decode(signature).value());
}

// A key is changed by one bit of its input, and the signature is no longer its own.
void expect_genuine(const std::string &jwk, Algorithm algorithm, std::string input, std::string signature)
{
    EXPECT_TRUE(checks(jwk, algorithm, input, signature));
    std::string bytes = base64url::decode(signature).value();
    for (std::size_t i = 0; i < bytes.size(); i += 7) {
        std::string changed = bytes;
        changed[i] = static_cast<char>(changed[i] ^ 1);
        EXPECT_FALSE(jwt::Key(jwk, algorithm).verifies(input, changed)) << i;
    }
    EXPECT_FALSE(jwt::Key(jwk, algorithm).verifies(input, bytes.substr(0, bytes.size() - 1)));
    EXPECT_FALSE(jwt::Key(jwk, algorithm).verifies(input, bytes + '\0'));
    EXPECT_FALSE(jwt::Key(jwk, algorithm).verifies(input, ""));
    input.back() = input.back() == 'A' ? 'B' : 'A';
    EXPECT_FALSE(checks(jwk, algorithm, input, signature));
}

std::string sqlstate_of(const std::function<void()> &body)
{
    try {
        body();
    } catch (const SqlError &e) {
        return e.report().sqlstate;
    }
    return "none";
}

const std::string secret = "a secret of thirty-two bytes, ok";
const std::string secret_key = R"({"kty":"oct","k":")" + encode(secret) + "\"}";
constexpr double now = 1000;

jwt::Issuer issuer()
{
    jwt::Issuer made;
    made.terms = {{"api", "https://api.example.com"}, "aud", "sub", "", true, 0};
    made.keys.push_back({"", jwt::Key(secret_key, Algorithm::hs256)});
    return made;
}

std::string sign(const std::string &header, const std::string &payload, const std::string &key = secret)
{
    const std::string input = encode(header) + "." + encode(payload);
    unsigned char tag[32];
    HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()), reinterpret_cast<const unsigned char *>(input.data()),
         input.size(), tag, nullptr);
    return input + "." + encode(std::string_view(reinterpret_cast<char *>(tag), sizeof tag));
}

const std::string hs256 = R"({"alg":"HS256"})";

Refusal outcome(const jwt::Issuer &by, const std::string &token, jwt::Claims *claims = nullptr,
                const std::string &wanted = "")
{
    jwt::Claims unused;
    return jwt::verify(by, token, now, wanted, claims != nullptr ? *claims : unused);
}

Refusal outcome_of_payload(const std::string &payload) { return outcome(issuer(), sign(hs256, payload)); }
Refusal outcome_of_header(const std::string &header)
{
    return outcome(issuer(), sign(header, R"({"sub":"7","aud":"api","exp":1001})"));
}

std::string with(const std::string &more) { return R"({"sub":"7","aud":"api","exp":1001)" + more + "}"; }

} // namespace

// ---------------------------------------------------------------- the RFCs

TEST(Jwt, ChecksTheExamplesOfTheRfcs)
{
    expect_genuine(a1_key, Algorithm::hs256, a1_header + "." + rfc_payload, a1_signature);
    expect_genuine(a2_key, Algorithm::rs256, "eyJhbGciOiJSUzI1NiJ9." + rfc_payload, a2_signature);
    expect_genuine(a3_key, Algorithm::es256, "eyJhbGciOiJFUzI1NiJ9." + rfc_payload, a3_signature);
    expect_genuine(ed25519_key, Algorithm::eddsa, "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc",
                   ed25519_signature);
}

// RFC 7519, section 3.1: joe's token, whose exp is 1300819380; it names no audience.
TEST(Jwt, TakesTheTokenOfRfc7519AsItsClaimsSay)
{
    const std::string token = a1_header + "." + rfc_payload + "." + a1_signature;
    char name[jwt::longest_identifier + 1];
    ASSERT_TRUE(jwt::issuer_of(token, name));
    EXPECT_STREQ(name, "joe");

    jwt::Issuer joe;
    joe.terms = {{"joe"}, "iss", "iss", "", true, 0};
    joe.keys.push_back({"", jwt::Key(a1_key, Algorithm::hs256)});
    jwt::Claims claims;
    EXPECT_EQ(jwt::verify(joe, token, 1300819379, "", claims), Refusal::none);
    EXPECT_STREQ(claims.user, "joe");
    EXPECT_EQ(jwt::verify(joe, token, 1300819380, "", claims), Refusal::expired);
    joe.terms.audience_claim = "aud";
    EXPECT_EQ(jwt::verify(joe, token, 1300819379, "", claims), Refusal::wrong_audience);
}

TEST(Jwt, RefusesTheUnsecuredAndTheEncryptedTokenOfRfc7519)
{
    char name[jwt::longest_identifier + 1];
    EXPECT_FALSE(jwt::issuer_of("eyJhbGciOiJub25lIn0." + rfc_payload + ".", name));
    EXPECT_FALSE(jwt::issuer_of("eyJhbGciOiJSU0ExXzUiLCJlbmMiOiJBMTI4Q0JDLUhTMjU2In0.QR1Owv2ug2WyPBnbQrRARTeEk9kDO2w8"
                                "qDcjiHnSJflSdv1iNqhWXaKH4MqAkQtMoNfABIPJaZm0HaA415sv3aeuBWnD8J-Ui7Ah6cWafs3ZwwFKDFUUs"
                                "WHSK-IPKxLGTkND09XyjORj_CHAgOPJ-Sd8ONQRnJvWn_hXV1BNMHzUjPyYwEsRhDhzjAD26imasOTsgruobp"
                                "YGoQcXUwFDn7moXPRfDE8-NoQX7N7ZYMmpUDkR-Cx9obNGwJQ3nM52YCitxoQVPzjbl7WBuB7AohdBoZOdZ24"
                                "WlN1lVIeh8v1K4krB8xgKvRU8kgFrEn_a1rZgN5TiysnmzTROF869lQ.AxY8DCtDaGlsbGljb3RoZQ.MKOle7"
                                "UQrG6nSxTLX6Mqwt0orbHvAKeWnDYvpIAeZ72deHxz3roJDXQyhxx0wKaMHDjUEOKIwrtkHthpqEanSBNYHZg"
                                "mNOV7sln1Eu9g3J8.fiK51VwhsxJ-siBMR-YFiA",
                                name));
}

TEST(Jwt, Ps256HasASaltAsLongAsItsHash)
{
    EVP_PKEY *pair = EVP_PKEY_Q_keygen(nullptr, nullptr, "RSA", std::size_t{2048});
    ASSERT_NE(pair, nullptr);
    BIGNUM *n = nullptr;
    ASSERT_EQ(EVP_PKEY_get_bn_param(pair, "n", &n), 1);
    std::string modulus(static_cast<std::size_t>(BN_num_bytes(n)), '\0');
    BN_bn2bin(n, reinterpret_cast<unsigned char *>(modulus.data()));
    const std::string jwk = R"({"kty":"RSA","n":")" + encode(modulus) + R"(","e":"AQAB"})";

    for (const int salt : {RSA_PSS_SALTLEN_DIGEST, 20, 0, RSA_PSS_SALTLEN_MAX}) {
        EVP_MD_CTX *context = EVP_MD_CTX_new();
        EVP_PKEY_CTX *settings;
        EVP_DigestSignInit(context, &settings, EVP_sha256(), nullptr, pair);
        EVP_PKEY_CTX_set_rsa_padding(settings, RSA_PKCS1_PSS_PADDING);
        EVP_PKEY_CTX_set_rsa_pss_saltlen(settings, salt);
        std::string signature(256, '\0');
        std::size_t size = signature.size();
        EVP_DigestSign(context, reinterpret_cast<unsigned char *>(signature.data()), &size,
                       reinterpret_cast<const unsigned char *>("a.b"), 3);
        EVP_MD_CTX_free(context);
        EXPECT_EQ(jwt::Key(jwk, Algorithm::ps256).verifies("a.b", signature), salt == RSA_PSS_SALTLEN_DIGEST) << salt;
        EXPECT_FALSE(jwt::Key(jwk, Algorithm::rs256).verifies("a.b", signature)) << "a PSS signature is none of PKCS 1";
    }
    BN_free(n);
    EVP_PKEY_free(pair);
}

// ---------------------------------------------------------------- signatures of forgers

TEST(Jwt, RefusesEcdsaSignaturesThatAreNoPairOfNumbersInRange)
{
    const jwt::Key key(a3_key, Algorithm::es256);
    const std::string input = "eyJhbGciOiJFUzI1NiJ9." + rfc_payload;
    const std::string order = base64url::decode("_____wAAAAD__________7zm-q2nF56E87nKwvxjJVE").value();
    const std::string good = base64url::decode(a3_signature).value();
    EXPECT_TRUE(key.verifies(input, good));
    EXPECT_FALSE(key.verifies(input, std::string(64, '\0'))) << "r = s = 0 (CVE-2022-21449)";
    EXPECT_FALSE(key.verifies(input, std::string(32, '\0') + good.substr(32))) << "r = 0";
    EXPECT_FALSE(key.verifies(input, good.substr(0, 32) + std::string(32, '\0'))) << "s = 0";
    EXPECT_FALSE(key.verifies(input, order + order)) << "r = s = n";
    EXPECT_FALSE(key.verifies(input, std::string(64, '\xff')));
    std::string der = "\x30\x45\x02\x20" + good.substr(0, 32);
    der += std::string("\x02\x21\0", 3) + good.substr(32);
    EXPECT_FALSE(key.verifies(input, der)) << "DER, as OpenSSL writes it";
}

TEST(Jwt, BelievesTheAlgorithmOfTheKeyAndNotOfTheToken)
{
    for (const char *header : {R"({"alg":"none"})", R"({"alg":"None"})", R"({"alg":"nOnE"})", R"({"alg":""})",
                               R"({"alg":"hs256"})", R"({"alg":"HS256 "})", R"({"alg":"HS384"})", R"({"alg":null})",
                               R"({"alg":["HS256"]})", R"({})", R"({"typ":"JWT"})"})
        EXPECT_EQ(outcome_of_header(header), Refusal::unacceptable_algorithm) << header;
    for (const char *header : {R"({"alg":"RS256"})", R"({"alg":"ES256"})", R"({"alg":"EdDSA"})"})
        EXPECT_EQ(outcome_of_header(header), Refusal::no_key) << header;

    // The public key is known to all; as the secret of HS256 it would make tokens for everybody.
    jwt::Issuer rsa = issuer();
    rsa.keys.clear();
    rsa.keys.push_back({"", jwt::Key(a2_key, Algorithm::rs256)});
    for (const std::string &known : {a2_key, a2_modulus, base64url::decode(a2_modulus).value(), std::string()})
        EXPECT_EQ(outcome(rsa, sign(hs256, with(""), known)), Refusal::no_key);
    EXPECT_EQ(outcome(rsa, sign(R"({"alg":"RS256"})", with(""))), Refusal::wrong_signature);
    EXPECT_EQ(sqlstate_of([] { jwt::Key(a2_key, Algorithm::hs256); }), "22023");
    EXPECT_EQ(sqlstate_of([] { jwt::Key(secret_key, Algorithm::rs256); }), "22023");
    EXPECT_EQ(sqlstate_of([] { jwt::Key(ed25519_key, Algorithm::es256); }), "22023");
}

TEST(Jwt, TakesNoKeyFromTheToken)
{
    const std::string own(32, 'x');
    const std::string own_key = R"({"kty":"oct","k":")" + encode(own) + "\"}";
    EXPECT_EQ(outcome(issuer(), sign(R"({"alg":"HS256","jwk":)" + own_key + "}", with(""), own)),
              Refusal::wrong_signature);
    EXPECT_EQ(outcome(issuer(), sign(R"({"alg":"HS256","jku":"https://evil.example/keys"})", with(""), own)),
              Refusal::wrong_signature);
    EXPECT_EQ(outcome(issuer(), sign(hs256, with(""), own)), Refusal::wrong_signature);
    EXPECT_EQ(outcome(issuer(), sign(hs256, with(""), "")), Refusal::wrong_signature);
}

TEST(Jwt, RefusesCriticalExtensions)
{
    EXPECT_EQ(outcome_of_header(R"({"alg":"HS256","crit":["b64"],"b64":false})"), Refusal::critical_header);
    EXPECT_EQ(outcome_of_header(R"({"alg":"HS256","crit":[]})"), Refusal::critical_header);
    EXPECT_EQ(outcome_of_header(R"({"alg":"HS256","crit":null})"), Refusal::critical_header);
}

TEST(Jwt, FindsTheKeyByItsKid)
{
    const std::string other(32, 'o');
    jwt::Issuer two = issuer();
    two.keys.clear();
    two.keys.push_back({"old", jwt::Key(secret_key, Algorithm::hs256)});
    two.keys.push_back({"new", jwt::Key(R"({"kty":"oct","k":")" + encode(other) + "\"}", Algorithm::hs256)});
    EXPECT_EQ(outcome(two, sign(R"({"alg":"HS256","kid":"old"})", with(""))), Refusal::none);
    EXPECT_EQ(outcome(two, sign(R"({"alg":"HS256","kid":"new"})", with(""), other)), Refusal::none);
    EXPECT_EQ(outcome(two, sign(R"({"alg":"HS256","kid":"new"})", with(""))), Refusal::wrong_signature);
    EXPECT_EQ(outcome(two, sign(hs256, with(""), other)), Refusal::none) << "without a kid each is tried";
    EXPECT_EQ(outcome(two, sign(R"({"alg":"HS256","kid":"gone"})", with(""))), Refusal::no_key);
    EXPECT_EQ(outcome(two, sign(R"({"alg":"HS256","kid":""})", with(""))), Refusal::no_key);
    EXPECT_EQ(outcome(two, sign(R"({"alg":"HS256","kid":1})", with(""))), Refusal::malformed);
    EXPECT_EQ(outcome(two, sign(R"({"alg":"HS256","kid":"../../dev/null"})", with(""), "")), Refusal::no_key);
    EXPECT_EQ(outcome(issuer(), sign(R"({"alg":"HS256","kid":"any"})", with(""))), Refusal::none)
        << "a key without a kid is for tokens of any";
}

// ---------------------------------------------------------------- claims

TEST(Jwt, ChecksTheDates)
{
    EXPECT_EQ(outcome_of_payload(R"({"sub":"7","aud":"api"})"), Refusal::no_expiry);
    EXPECT_EQ(outcome_of_payload(R"({"sub":"7","aud":"api","exp":1001})"), Refusal::none);
    EXPECT_EQ(outcome_of_payload(R"({"sub":"7","aud":"api","exp":1000.5})"), Refusal::none);
    EXPECT_EQ(outcome_of_payload(R"({"sub":"7","aud":"api","exp":1e9})"), Refusal::none);
    EXPECT_EQ(outcome_of_payload(R"({"sub":"7","aud":"api","exp":1000})"), Refusal::expired);
    EXPECT_EQ(outcome_of_payload(R"({"sub":"7","aud":"api","exp":999})"), Refusal::expired);
    EXPECT_EQ(outcome_of_payload(R"({"sub":"7","aud":"api","exp":-1})"), Refusal::expired);
    for (const char *date : {"\"1001\"", "null", "true", "[1001]", "{}", "1e999", "\"\""}) {
        EXPECT_EQ(outcome_of_payload(R"({"sub":"7","aud":"api","exp":)" + std::string(date) + "}"), Refusal::bad_date) << date;
        EXPECT_EQ(outcome_of_payload(with(",\"nbf\":" + std::string(date))), Refusal::bad_date) << date;
        EXPECT_EQ(outcome_of_payload(with(",\"iat\":" + std::string(date))), Refusal::bad_date) << date;
    }
    EXPECT_EQ(outcome_of_payload(with(R"(,"nbf":1000,"iat":1000)")), Refusal::none);
    EXPECT_EQ(outcome_of_payload(with(R"(,"nbf":1001)")), Refusal::not_yet_valid);
    EXPECT_EQ(outcome_of_payload(with(R"(,"iat":1001)")), Refusal::issued_in_future);

    jwt::Issuer lenient = issuer();
    lenient.terms.leeway = 30;
    lenient.terms.require_expiry = false;
    EXPECT_EQ(outcome(lenient, sign(hs256, R"({"sub":"7","aud":"api"})")), Refusal::none);
    EXPECT_EQ(outcome(lenient, sign(hs256, R"({"sub":"7","aud":"api","exp":971,"nbf":1030,"iat":1030})")), Refusal::none);
    EXPECT_EQ(outcome(lenient, sign(hs256, R"({"sub":"7","aud":"api","exp":970})")), Refusal::expired);
    EXPECT_EQ(outcome(lenient, sign(hs256, R"({"sub":"7","aud":"api","nbf":1031})")), Refusal::not_yet_valid);
    EXPECT_EQ(outcome(lenient, sign(hs256, R"({"sub":"7","aud":"api","iat":1031})")), Refusal::issued_in_future);
}

TEST(Jwt, ChecksTheAudience)
{
    for (const char *audience : {"\"api\"", "[\"api\"]", "[\"other\",\"https://api.example.com\"]"})
        EXPECT_EQ(outcome_of_payload(R"({"sub":"7","exp":1001,"aud":)" + std::string(audience) + "}"), Refusal::none) << audience;
    for (const char *audience : {"\"API\"", "\"api \"", "\"\"", "[]", "null", "[[\"api\"]]", "{\"api\":1}", "true",
                                 "[\"other\"]", "\"api,https://api.example.com\""})
        EXPECT_EQ(outcome_of_payload(R"({"sub":"7","exp":1001,"aud":)" + std::string(audience) + "}"), Refusal::wrong_audience)
            << audience;
    EXPECT_EQ(outcome_of_payload(R"({"sub":"7","exp":1001})"), Refusal::wrong_audience);
}

TEST(Jwt, ReadsUserAndTenants)
{
    jwt::Issuer by = issuer();
    by.terms.tenant_claim = "/app_metadata/tenants";
    jwt::Claims claims;
    const auto payload = [](const std::string &sub, const std::string &tenants) {
        return R"({"aud":"api","exp":1001,"sub":)" + sub + R"(,"app_metadata":{"tenants":)" + tenants + "}}";
    };
    EXPECT_EQ(outcome(by, sign(hs256, payload("9007199254740993", "3")), &claims), Refusal::none);
    EXPECT_STREQ(claims.user, "9007199254740993") << "an integer beyond a double's is not rounded";
    EXPECT_EQ(claims.tenants, 1);
    EXPECT_STREQ(claims.only_tenant, "3");

    EXPECT_EQ(outcome(by, sign(hs256, payload("\"a\\u00e9\"", "[\"x\",7]")), &claims, "7"), Refusal::none);
    EXPECT_STREQ(claims.user, "a\xc3\xa9");
    EXPECT_EQ(claims.tenants, 2);
    EXPECT_STREQ(claims.only_tenant, "");
    EXPECT_TRUE(claims.names_wanted);
    EXPECT_EQ(outcome(by, sign(hs256, payload("1", "[\"x\",7]")), &claims, "77"), Refusal::none);
    EXPECT_FALSE(claims.names_wanted);

    for (const char *none : {"null", "[]"}) {
        EXPECT_EQ(outcome(by, sign(hs256, payload("1", none)), &claims), Refusal::none);
        EXPECT_EQ(claims.tenants, 0);
    }
    EXPECT_EQ(outcome(by, sign(hs256, with("")), &claims), Refusal::none);
    EXPECT_EQ(claims.tenants, 0) << "no such claim";

    for (const char *bad : {"true", "{}", "1.5", "1e3", "[[1]]", "[1,null]", "\"\"", "[\"\"]"})
        EXPECT_EQ(outcome(by, sign(hs256, payload("1", bad))), Refusal::bad_tenant) << bad;
    for (const char *bad : {"null", "true", "[1]", "{}", "1.0", "1e3", "\"\""})
        EXPECT_EQ(outcome(by, sign(hs256, payload(bad, "1"))), Refusal::bad_user) << bad;
    EXPECT_EQ(outcome(by, sign(hs256, payload("\"" + std::string(255, 'u') + "\"", "1"))), Refusal::none);
    EXPECT_EQ(outcome(by, sign(hs256, payload("\"" + std::string(256, 'u') + "\"", "1"))), Refusal::bad_user);
    EXPECT_EQ(outcome(by, sign(hs256, payload("1", "\"" + std::string(256, 't') + "\""))), Refusal::bad_tenant);
}

TEST(Jwt, FindsClaimsByNameOrByPointer)
{
    jwt::Issuer by = issuer();
    const std::string payload = R"({"aud":"api","exp":1001,"https://x/y":"named","a":{"b/c":{"~":"deep"}},"l":["no"]})";
    jwt::Claims claims;
    for (const auto &[claim, user] : {std::pair{"https://x/y", "named"}, std::pair{"/a/b~1c/~0", "deep"}}) {
        by.terms.user_claim = claim;
        EXPECT_EQ(outcome(by, sign(hs256, payload), &claims), Refusal::none) << claim;
        EXPECT_STREQ(claims.user, user);
    }
    for (const char *claim : {"a", "/a", "/", "//", "/l/0", "/a/b", "/a/b~1c/~", "a/b~1c/~0", "/aud/x", "sub"}) {
        by.terms.user_claim = claim;
        EXPECT_EQ(outcome(by, sign(hs256, payload)), claim == std::string("/a/b~1c/~") ? Refusal::none : Refusal::bad_user)
            << claim;
    }
}

// ---------------------------------------------------------------- texts that are no tokens

TEST(Jwt, RefusesWhatIsNoToken)
{
    const std::string good = sign(hs256, with(R"(,"iss":"i")"));
    char name[jwt::longest_identifier + 1];
    ASSERT_TRUE(jwt::issuer_of(good, name));
    const std::vector<std::string> bad = {
        "", ".", "..", "...", "a.b.c", good + ".", "." + good, good + "=", good + " ", " " + good, good + "\n",
        good.substr(0, good.rfind('.')), good.substr(0, good.rfind('.') + 1), good.substr(good.find('.')),
        good + std::string(1, '\0'), std::string("\0", 1) + good, good + "." + good, "Bearer " + good,
        sign(hs256, "[]"), sign(hs256, "1"), sign(hs256, ""), sign("", with("")), sign("[]", with("")),
        sign(hs256, with("") + "x"), sign(hs256, with("") + std::string(1, '\0')), sign(hs256, R"({"iss":7})"),
        sign(hs256, R"({"iss":""})"), sign(hs256, R"({"iss":"i","iss":"j"})"), sign(hs256, R"({"iss":"i","\u0069ss":"j"})"),
        sign(hs256, R"({"iss":"i\u0000"})"), sign(hs256, R"({"iss":"i","x":{"a":1,"a":1}})"),
        sign(R"({"alg":"HS256","alg":"none"})", R"({"iss":"i"})"), sign(hs256, "{\"iss\":\"\xff\"}"),
        sign(hs256, R"({"iss":")" + std::string(256, 'i') + "\"}"), std::string(1 << 20, 'A'), std::string(1 << 20, '.'),
        std::string(1 << 20, 'A') + "." + std::string(1 << 20, 'A') + ".A",
        sign(hs256, "{\"iss\":\"i\",\"x\":" + std::string(6000, '[') + std::string(6000, ']') + "}"),
        sign(hs256, "{\"iss\":\"i\",\"x\":" + std::string(100000, '[')),
        sign(hs256, R"({"iss":"i","x":")" + std::string(jwt::longest_token, 'x') + "\"}")};
    for (const std::string &token : bad) {
        EXPECT_FALSE(jwt::issuer_of(token, name)) << token.substr(0, 80);
        EXPECT_NE(outcome(issuer(), token), Refusal::none) << token.substr(0, 80);
    }
    for (std::size_t size = 0; size < good.size(); ++size)
        EXPECT_NE(outcome(issuer(), good.substr(0, size)), Refusal::none) << size;
}

TEST(Jwt, HasOneSpellingOnly)
{
    // Of the last character of a 32-byte signature only four bits count; the two others must be zero.
    const std::string good = sign(hs256, with(""));
    ASSERT_EQ(outcome(issuer(), good), Refusal::none);
    int accepted = 0;
    for (const char c : std::string("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_+/="))
        accepted += outcome(issuer(), good.substr(0, good.size() - 1) + c) == Refusal::none;
    EXPECT_EQ(accepted, 1);
}

TEST(Base64Url, DecodesTheCanonicalSpellingAlone)
{
    EXPECT_EQ(base64url::decode(""), "");
    EXPECT_EQ(base64url::decode("AA"), std::string("\0", 1));
    EXPECT_EQ(base64url::decode("-_-_"), "\xfb\xff\xbf");
    for (const char *bad : {"A", "AB", "AAB", "AAAAA", "AA==", "AA=", "+/AA", "AA\n", " AA", "A A", "AAA.", "\xc3\xa9"})
        EXPECT_FALSE(base64url::decode(bad)) << bad;
}

// ---------------------------------------------------------------- keys

TEST(Jwk, IsForTheAlgorithmItNamesOrTheFirstThatFits)
{
    const std::vector<Algorithm> all = {Algorithm::rs256, Algorithm::ps256, Algorithm::es256, Algorithm::eddsa, Algorithm::hs256};
    EXPECT_EQ(jwt::algorithm_of(a1_key, all), Algorithm::hs256);
    EXPECT_EQ(jwt::algorithm_of(a2_key, all), Algorithm::rs256);
    EXPECT_EQ(jwt::algorithm_of(a2_key, {Algorithm::ps256, Algorithm::rs256}), Algorithm::ps256);
    EXPECT_EQ(jwt::algorithm_of(a3_key, all), Algorithm::es256);
    EXPECT_EQ(jwt::algorithm_of(ed25519_key, all), Algorithm::eddsa);
    const auto rsa = [](const std::string &more) { return a2_key.substr(0, a2_key.size() - 1) + more + "}"; };
    EXPECT_EQ(jwt::algorithm_of(rsa(R"(,"alg":"PS256","use":"sig","key_ops":["verify"])"), all), Algorithm::ps256);
    // For something else: left out.
    for (const char *more : {R"(,"alg":"RSA-OAEP")", R"(,"use":"enc")", R"(,"use":null)", R"(,"key_ops":["encrypt"])",
                             R"(,"key_ops":[])", R"(,"alg":"HS256")", R"(,"alg":"none")", R"(,"alg":1)"})
        EXPECT_EQ(jwt::algorithm_of(rsa(more), all), std::nullopt) << more;
    EXPECT_EQ(jwt::algorithm_of(a1_key, {Algorithm::rs256}), std::nullopt);
    EXPECT_EQ(jwt::algorithm_of(R"({"kty":"EC","crv":"P-384","x":"AA","y":"AA"})", all), std::nullopt);
    EXPECT_EQ(jwt::algorithm_of(R"({"kty":"OKP","crv":"X25519","x":"AA"})", all), std::nullopt);
    EXPECT_EQ(jwt::algorithm_of("{}", all), std::nullopt);
}

TEST(Jwk, IsRefusedWhenItIsWeakBrokenOrPrivate)
{
    const std::vector<Algorithm> all = {Algorithm::rs256, Algorithm::es256, Algorithm::eddsa, Algorithm::hs256};
    const std::string large(1025, '\xff');
    for (const std::string &bad : {
             std::string(""), std::string("[]"), std::string("x"), std::string(1 << 20, ' '),
             R"({"kty":"oct"})" + std::string(), std::string(R"({"kty":"oct","k":""})"), std::string(R"({"kty":"oct","k":7})"),
             R"({"kty":"oct","k":")" + encode(std::string(31, 'k')) + "\"}",
             R"({"kty":"oct","k":")" + encode(std::string(32, 'k')) + "=\"}",
             R"({"kty":"RSA","e":"AQAB","n":")" + encode(std::string(128, '\xff')) + "\"}",
             R"({"kty":"RSA","e":"AQAB","n":")" + encode(large) + "\"}",
             R"({"kty":"RSA","e":"AQAB","n":")" + encode(std::string(255, '\xff') + '\xfe') + "\"}",
             R"({"kty":"RSA","e":"AQ","n":")" + a2_modulus + "\"}", R"({"kty":"RSA","e":"Ag","n":")" + a2_modulus + "\"}",
             R"({"kty":"RSA","e":"","n":")" + a2_modulus + "\"}", R"({"kty":"RSA","n":")" + a2_modulus + "\"}",
             a2_key.substr(0, a2_key.size() - 1) + R"(,"d":"AQ"})",
             // Not on the curve, at infinity, too short.
             std::string(R"({"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU"})"),
             R"({"kty":"EC","crv":"P-256","x":")" + encode(std::string(32, '\0')) + R"(","y":")" + encode(std::string(32, '\0')) + "\"}",
             std::string(R"({"kty":"EC","crv":"P-256","x":"AA","y":"AA"})"),
             std::string(R"({"kty":"OKP","crv":"Ed25519","x":"AA"})"),
             ed25519_key.substr(0, ed25519_key.size() - 1) + R"(,"d":"AQ"})"})
        EXPECT_EQ(sqlstate_of([&] { jwt::algorithm_of(bad, all); }), "22023") << bad.substr(0, 100);
}

// Under the neutral element as key, R = the neutral element and S = 0 sign everything; each point in both signs of x.
TEST(Jwk, RefusesEd25519KeysUnderWhichAnybodySigns)
{
    for (const char *point :
        {"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAIA",
         "AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAIA",
         "7P_______________________________________38", "7P________________________________________8",
         "7f_______________________________________38", "7f________________________________________8",
         "7v_______________________________________38", "7v________________________________________8",
         "JuiVj8KyJ7BFw_SJ8u-Y8NXfrAXTxjM5sTgCiG1T_AU", "JuiVj8KyJ7BFw_SJ8u-Y8NXfrAXTxjM5sTgCiG1T_IU",
         "xxdqcD1N2E-6PAt2DRBnDyogU_osOczGTsf9d5KsA3o", "xxdqcD1N2E-6PAt2DRBnDyogU_osOczGTsf9d5KsA_o"})
        EXPECT_EQ(sqlstate_of([&] {
                      jwt::algorithm_of(R"({"kty":"OKP","crv":"Ed25519","x":")" + std::string(point) + "\"}", {Algorithm::eddsa});
                  }), "22023") << point;
}

// ---------------------------------------------------------------- JSON

TEST(Json, ReadsWhatIsExactlyOneValue)
{
    for (const char *good : {"{}", " [ ] ", "\"\"", "0", "-0", "1.5e+3", "true", "null", "{\"a\":{\"a\":[{}, {}]}}",
                             "\"\\ud83d\\ude00\\u00e9\\n\"", "\"\xf0\x9f\x98\x80\""})
        EXPECT_TRUE(json::parse(good)) << good;
    EXPECT_EQ(json::parse("\"\\ud83d\\ude00\"")->text, "\xf0\x9f\x98\x80");
    EXPECT_EQ(json::parse("[1]")->items.at(0).text, "1");
    for (const char *bad : {"", " ", "{", "}", "[1,]", "[,1]", "{\"a\":1,}", "{\"a\"}", "{a:1}", "{\"a\":1 \"b\":2}", "01",
                            "-", "+1", "1.", ".5", "1e", "1e+", "0x1", "NaN", "Infinity", "nul", "True", "'a'", "\"",
                            "\"\\\"", "\"\\x\"", "\"\\u12\"", "\"\\u12g4\"", "\"\\ud800\"", "\"\\udc00\"", "\"\\ud800\\u0041\"",
                            "\"\\u0000\"", "\"\n\"", "\"\x7f\xff\"", "\"\xc0\x80\"", "\"\xed\xa0\x80\"", "\"\xf5\x80\x80\x80\"",
                            "\"\xe2\x82\"", "1 2", "{}{}", "[]]", "/**/1", "\xef\xbb\xbf{}", "{\"a\":1,\"a\":2}",
                            "{\"a\":1,\"\\u0061\":2}"})
        EXPECT_FALSE(json::parse(bad)) << bad;
    EXPECT_FALSE(json::parse(std::string_view("{}\0", 3)));
    EXPECT_FALSE(json::parse(std::string_view("\"\0\"", 3)));
}

TEST(Json, IsNotLedIntoTheDepth)
{
    const auto nested = [](int depth) {
        return std::string(static_cast<std::size_t>(depth), '[') + std::string(static_cast<std::size_t>(depth), ']');
    };
    EXPECT_TRUE(json::parse(nested(json::deepest + 1)));
    EXPECT_FALSE(json::parse(nested(json::deepest + 2)));
    EXPECT_FALSE(json::parse(nested(100000)));
    EXPECT_FALSE(json::parse(std::string(100000, '[')));
    std::string objects;
    for (int i = 0; i < 100000; ++i)
        objects += "{\"a\":";
    EXPECT_FALSE(json::parse(objects));
}
