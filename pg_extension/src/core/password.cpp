#include "password.hpp"

#include "error.hpp"

#include <charconv>
#include <memory>

#include <crypt.h>
#include <openssl/crypto.h>

namespace tenancy::core::password {

namespace {

constexpr int bcrypt_highest_cost = 14;
constexpr long sha512_highest_rounds = 1'000'000;
// yescrypt's parameter block as libxcrypt writes it: flags 'j', then N from '2' up, then block size. 'C' is cost 8.
constexpr char yescrypt_highest_n = 'C';

// What crypt_gensalt_rn writes for cost 0, which is its default.
constexpr std::string_view yescrypt_of_new_hashes = "$y$j9T$";

bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }

Scheme bcrypt_scheme(std::string_view hash) noexcept
{
    if (hash.size() != 60 || !is_digit(hash[4]) || !is_digit(hash[5]) || hash[6] != '$')
        return Scheme::unrecognized;
    const int cost = (hash[4] - '0') * 10 + (hash[5] - '0');
    return cost <= bcrypt_highest_cost ? Scheme::bcrypt : Scheme::too_costly;
}

Scheme yescrypt_scheme(std::string_view hash) noexcept
{
    // $y$j9T$salt$digest: one character of flags, one of N, one of r; longer blocks ask for more work still.
    const std::string_view rest = hash.substr(3);
    const std::size_t end = rest.find('$');
    if (end == std::string_view::npos || end < 3)
        return Scheme::unrecognized;
    const char n = rest[1];
    const bool bounded = end == 3 && rest[0] == 'j' && ((n >= '0' && n <= '9') || (n >= 'A' && n <= yescrypt_highest_n)) &&
                         (rest[2] == 'T' || (rest[2] >= '.' && rest[2] <= '9'));
    return bounded ? Scheme::yescrypt : Scheme::too_costly;
}

Scheme sha512_scheme(std::string_view hash) noexcept
{
    constexpr std::string_view marker = "rounds=";
    std::string_view rest = hash.substr(3);
    if (!rest.starts_with(marker))
        return Scheme::sha512;
    rest.remove_prefix(marker.size());
    long rounds = 0;
    const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), rounds);
    if (error != std::errc{} || end == rest.data() + rest.size() || *end != '$')
        return error == std::errc::result_out_of_range ? Scheme::too_costly : Scheme::unrecognized;
    return rounds <= sha512_highest_rounds ? Scheme::sha512 : Scheme::too_costly;
}

// libxcrypt's working memory (32 KB): on the heap, and wiped, for it has held the password.
class Workspace {
public:
    Workspace() : data_(std::make_unique<crypt_data>()) {}
    ~Workspace() { OPENSSL_cleanse(data_.get(), sizeof(crypt_data)); }
    Workspace(const Workspace &) = delete;
    Workspace &operator=(const Workspace &) = delete;

    // Null when libxcrypt refuses the setting.
    const char *run(const char *password, const char *setting)
    {
        return crypt_rn(password, setting, data_.get(), static_cast<int>(sizeof(crypt_data)));
    }

private:
    std::unique_ptr<crypt_data> data_;
};

class WipedText {
public:
    explicit WipedText(std::string_view text) : text_(text) {}
    ~WipedText() { OPENSSL_cleanse(text_.data(), text_.size()); }
    WipedText(const WipedText &) = delete;
    WipedText &operator=(const WipedText &) = delete;
    const char *c_str() const noexcept { return text_.c_str(); }

private:
    std::string text_;
};

} // namespace

Scheme scheme_of(std::string_view hash) noexcept
{
    if (hash.starts_with("$2a$") || hash.starts_with("$2b$") || hash.starts_with("$2y$"))
        return bcrypt_scheme(hash);
    if (hash.starts_with("$y$"))
        return yescrypt_scheme(hash);
    if (hash.starts_with("$6$"))
        return sha512_scheme(hash);
    return Scheme::unrecognized;
}

bool verify(std::string_view password, const std::string &hash)
{
    const Scheme scheme = scheme_of(hash);
    if (scheme == Scheme::unrecognized || scheme == Scheme::too_costly)
        return false;

    const std::size_t limit = scheme == Scheme::bcrypt ? bcrypt_longest : longest;
    const bool holds_nul = password.find('\0') != std::string_view::npos;
    const bool fits = password.size() <= limit && !holds_nul;

    // An overlong password is hashed all the same, cut, so that its refusal takes the usual time.
    const WipedText phrase(password.substr(0, limit));
    Workspace workspace;
    const char *computed = workspace.run(phrase.c_str(), hash.c_str());
    if (computed == nullptr)
        return false;

    const std::string_view made(computed);
    const bool equal = made.size() == hash.size() && CRYPTO_memcmp(made.data(), hash.data(), made.size()) == 0;
    return equal && fits;
}

bool outdated(std::string_view hash) noexcept
{
    switch (scheme_of(hash)) {
    case Scheme::bcrypt:
    case Scheme::sha512:
        return true;
    case Scheme::yescrypt:
        // N and r stand as one character each, whose order is that of ASCII; both must be as large as in a new hash.
        return hash[4] < yescrypt_of_new_hashes[4] || hash[5] < yescrypt_of_new_hashes[5];
    case Scheme::unrecognized:
    case Scheme::too_costly:
        break;
    }
    return false;
}

std::string hash(std::string_view password)
{
    if (password.empty())
        throw SqlError("22023", "password must not be empty");
    if (password.size() > longest)
        throw SqlError("22023", "password is too long", "A password has at most 511 bytes.");
    if (password.find('\0') != std::string_view::npos)
        throw SqlError("22023", "password must not contain a NUL character");

    char setting[CRYPT_GENSALT_OUTPUT_SIZE];
    if (crypt_gensalt_rn("$y$", 0, nullptr, 0, setting, sizeof setting) == nullptr)
        throw SqlError("58000", "could not make a salt for a password hash");
    const WipedText phrase(password);
    Workspace workspace;
    const char *computed = workspace.run(phrase.c_str(), setting);
    if (computed == nullptr)
        throw SqlError("58000", "could not hash the password");
    return computed;
}

} // namespace tenancy::core::password
