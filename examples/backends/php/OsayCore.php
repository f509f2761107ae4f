<?php
// A client of OsayCore for a backend. PHP 8.1 or newer with the extension curl. In Laravel: app/Services/OsayCore.php.
namespace App\Services;

use RuntimeException;

/** OsayCore said no, with its `name`; or nothing to be understood: 503 `unreachable`. Holds no secret. */
class Refused extends RuntimeException {
    public readonly string $name;

    public function __construct(public readonly int $status, public readonly array $answer, public readonly string $retryAfter) {
        $this->name = $answer['code'];
        parent::__construct("$status $this->name, request " . ($answer['request_id'] ?? 'none'));
    }
}

class OsayCore {
    private const LIFETIME_S = 600, EARLY_S = 60; // of a user's token, and how long before its end the next one is fetched

    /** `$cache` has PSR-16's get, set and delete, and keeps users' tokens: as private as your sessions. */
    public function __construct(private string $baseUrl, private string $apiKey,
        #[\SensitiveParameter] private string $secretKey, private object $cache) {}

    /** A call on behalf of a user whom you have signed in. */
    public function asUser(string $userId, string $method, string $path, ?array $body = null): array {
        try {
            return $this->call($method, $path, $body, $this->token($userId));
        } catch (Refused $refused) {
            if (!in_array($refused->name, ['token_expired', 'token_invalid'], true)) throw $refused;
        }
        $this->cache->delete(self::key($userId)); // ended meanwhile, by whomever: once more with a new one
        return $this->call($method, $path, $body, $this->token($userId));
    }

    /** A signed call → what was answered. A charge may be sent again if it has a client_reference_id. */
    public function call(string $method, string $path, ?array $body = null, #[\SensitiveParameter] ?string $token = null): array {
        $payload = $body === null ? '' : json_encode($body, JSON_THROW_ON_ERROR);
        $timestamp = (string) time();
        $headers = ['Content-Type: application/json', "X-OSAYCORE-API-KEY: $this->apiKey", "X-OSAYCORE-TIMESTAMP: $timestamp",
            'X-OSAYCORE-SIGNATURE: ' . hash_hmac('sha256', "$timestamp.$payload", $this->secretKey),
            ...($token === null ? [] : ["Authorization: Bearer $token"])];
        $retryAfter = '5';
        $curl = curl_init($this->baseUrl . $path);
        curl_setopt_array($curl, [CURLOPT_CUSTOMREQUEST => $method, CURLOPT_HTTPHEADER => $headers,
            CURLOPT_RETURNTRANSFER => true, CURLOPT_TIMEOUT => 10,
            CURLOPT_HEADERFUNCTION => function ($_, string $line) use (&$retryAfter): int {
                if (preg_match('/^Retry-After: *(\d+)/i', $line, $found)) $retryAfter = $found[1];
                return strlen($line);
            }] + ($payload === '' ? [] : [CURLOPT_POSTFIELDS => $payload]));
        $text = curl_exec($curl);
        $status = curl_getinfo($curl, CURLINFO_RESPONSE_CODE);
        $answer = json_decode((string) $text, true);
        if ($text !== false && $status === 200 && is_array($answer)) return $answer;
        // No connection, no answer in time, or a proxy's page.
        if ($text === false || !isset($answer['code'])) throw new Refused(503, ['code' => 'unreachable'], $retryAfter);
        throw new Refused($status, $answer, $retryAfter);
    }

    private function token(string $userId): string {
        $token = $this->cache->get(self::key($userId));
        if ($token !== null) return $token;
        $asked = ['user_id' => $userId, 'expires_in_seconds' => self::LIFETIME_S];
        $token = $this->call('POST', '/auth/generate-user-jwt', $asked)['jwt_token'];
        $this->cache->set(self::key($userId), $token, self::LIFETIME_S - self::EARLY_S);
        return $token;
    }

    private static function key(string $userId): string { return 'osaycore_' . hash('sha256', $userId); }
}
