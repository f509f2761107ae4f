<?php
// A backend for a phone app or a web page, without a framework: OSAYCORE_…=… php -S 127.0.0.1:3000 -t public public/index.php
declare(strict_types=1);
require __DIR__ . '/../OsayCore.php';

use App\Services\{OsayCore, Refused};

const LOGIN_S = 24 * 60 * 60;
const FEATURE = 'new_dashboard', CREDITS_A_PAGE = 2, PACKS = [50, 200, 1000]; // what is sold is yours
// Yours: a table of users with password_hash() of each, and the id that OsayCore knows them by; a limit on tries.
const USERS = [
    'alice' => ['id' => 'user-1', 'hash' => '$2y$10$lwa7HFg6tEZSvmfBUlCqV.GyCCf7mzD3PS5IbDEquR5/uP8Ep8FLC'],
    'bob' => ['id' => 'user-2', 'hash' => '$2y$10$QjjOFf9wDryLwUMcUXe/1esz/WNpcvDFFqLxkyE/su/ikFdDqujLu'],
];
const NOBODY = ['id' => null, 'hash' => '$2y$10$7oW7CYPeY9nrJhnN8Ybote0ewQM7.rf0bKG6uSa6s2Hf1yMjM9EIW']; // a wrong name takes as long as a wrong password

class Problem extends RuntimeException {
    public readonly array $body;

    public function __construct(public readonly int $status, string $code, string $error, array $more = []) {
        parent::__construct($error);
        $this->body = ['code' => $code, 'error' => $error] + $more;
    }
}

/** PSR-16's get, set and delete over PHP's session, which stays on this machine. */
class SessionCache {
    public function get(string $key): ?string {
        [$value, $until] = $_SESSION[$key] ?? [null, 0];
        return time() < $until ? $value : null;
    }

    public function set(string $key, string $value, int $seconds): void { $_SESSION[$key] = [$value, time() + $seconds]; }

    public function delete(string $key): void { unset($_SESSION[$key]); }
}

/** The session of the phone's token, which is its id; with `$id` null a new one. */
function session(?string $id): void {
    session_id($id ?? session_create_id());
    session_start(['use_cookies' => '0', 'use_only_cookies' => '0', 'use_strict_mode' => $id === null ? '0' : '1',
        'cache_limiter' => '', 'gc_maxlifetime' => (string) LOGIN_S]);
}

/** Who asks, by the token of /login. */
function user(): string {
    if (preg_match('/^Bearer ([A-Za-z0-9,-]{22,256})$/', $_SERVER['HTTP_AUTHORIZATION'] ?? '', $found)) session($found[1]);
    if (($_SESSION['until'] ?? 0) > time()) return $_SESSION['user'];
    if (session_status() === PHP_SESSION_ACTIVE) session_destroy();
    throw new Problem(401, 'sign_in', 'Sign in.');
}

function login(array $members): array {
    $user = USERS[text($members, 'username')] ?? NOBODY;
    if (!password_verify(text($members, 'password'), $user['hash']) || $user['id'] === null)
        throw new Problem(401, 'wrong_login', 'Wrong name or password.');
    session(null);
    $_SESSION = ['user' => $user['id'], 'until' => time() + LOGIN_S];
    return ['token' => session_id(), 'expires_in' => LOGIN_S];
}

function me(OsayCore $osaycore): array {
    $context = $osaycore->asUser(user(), 'GET', '/user/context');
    return ['name' => $context['user_summary']['display_name'] ?? $context['user_summary']['username'],
        'balance' => $context['credit_balance']['balance'], 'features' => $context['enabled_features']];
}

function report(OsayCore $osaycore, array $members): array {
    [$user, $reference, $pages] = [user(), text($members, 'reference'), $members['pages'] ?? null];
    if (!preg_match('/^[A-Za-z0-9-]{8,64}$/D', $reference))
        throw new Problem(400, 'invalid_field', '8 to 64 letters, digits or hyphens', ['field' => 'reference']);
    if (!is_int($pages) || $pages < 1 || $pages > 100)
        throw new Problem(400, 'invalid_field', '1 to 100', ['field' => 'pages']);
    $name = "report:$user:$reference"; // unique in the app for ever: what it is, whose, and which of theirs
    $features = $osaycore->asUser($user, 'GET', '/user/context')['enabled_features'];
    // What was charged is served to a retry, whatever became of the flag since.
    $paid = fn() => $osaycore->asUser($user, 'GET', '/credits/transactions?reference=' . rawurlencode($name))['transactions'];
    if (!($features[FEATURE] ?? false) && !$paid())
        throw new Problem(403, 'not_switched_on', 'Reports are not switched on for you.');
    $charged = $osaycore->asUser($user, 'POST', '/action/deduct-credits',
        ['amount' => $pages * CREDITS_A_PAGE, 'description' => "Report of $pages pages", 'client_reference_id' => $name]);
    // Yours: the report. If it fails here, the phone's retry makes it, and is not charged again.
    return ['reference' => $reference, 'report' => "$pages pages", 'balance' => $charged['new_balance']];
}

function text(array $members, string $name): string {
    if (is_string($members[$name] ?? null)) return $members[$name];
    throw new Problem(400, 'invalid_field', "$name is missing, or of another type", ['field' => $name]);
}

/** What the phone is told of an error of OsayCore. */
function problem(Refused $refused): Problem {
    if ($refused->status === 402) {
        $lacking = $refused->answer['shortfall'];
        $buy = current(array_filter(PACKS, fn($pack) => $pack >= $lacking)) ?: max(PACKS);
        return new Problem(402, 'insufficient_credits', 'You have too few credits for this.', ['shortfall' => $lacking, 'buy' => $buy]);
    }
    if ($refused->name === 'reference_conflict')
        return new Problem(409, $refused->name, "This reference is another report's. Draw a new one.");
    if (in_array($refused->name, ['user_inactive', 'user_not_found', 'not_permitted', 'scope_missing'], true))
        return new Problem(403, $refused->name, 'This account may not do that. Write to us.');
    error_log("osaycore: {$refused->getMessage()}");
    if (!in_array($refused->status, [429, 503, 507], true) && $refused->name !== 'replayed_request')
        return new Problem(500, 'internal', 'Something is wrong here.'); // keys, clock, or a fault: see the log
    header("Retry-After: $refused->retryAfter");
    return new Problem(503, 'unavailable', 'Try again in a moment.');
}

header('Content-Type: application/json');
try {
    $keys = array_map(fn($name) => getenv("OSAYCORE_$name") ?: throw new RuntimeException("set OSAYCORE_$name"), ['BASE_URL', 'API_KEY', 'SECRET_KEY']);
    $osaycore = new OsayCore(...$keys, cache: new SessionCache());
    $members = json_decode(file_get_contents('php://input') ?: '{}', true);
    if (!is_array($members)) throw new Problem(400, 'invalid_json', 'No JSON.');
    $body = match ($_SERVER['REQUEST_METHOD'] . ' ' . parse_url($_SERVER['REQUEST_URI'], PHP_URL_PATH)) {
        'POST /login' => login($members), 'GET /me' => me($osaycore), 'POST /reports' => report($osaycore, $members),
        default => throw new Problem(404, 'not_found', 'Not found.'),
    };
} catch (Problem | Refused $error) {
    $problem = $error instanceof Refused ? problem($error) : $error;
    http_response_code($problem->status);
    $body = $problem->body;
}
echo json_encode($body, JSON_THROW_ON_ERROR);
