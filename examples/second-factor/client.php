<?php
// A client of OsayCore's one-time passcodes. PHP 8.1 or newer with the extension curl.
/** The server refused, with its `name`; or its answer is not to be trusted, `name` is null. */
class OasisError extends RuntimeException {
    public function __construct(string $message, public readonly ?string $name = null) { parent::__construct($message); }
}

class Oasis {
    public const LOGIN = 0, REGISTRATION = 1;
    public const STATES = ['NOTREGISTERED', 'DISABLED', 'LOCKED', 'NOGROUPMEMBERSHIP', 'NOTALLOWEDTOBYPASS',
        'SKIPAUTHENTICATION', 'AUTHENTICATE', 'INVALID', 'VALID', 'PENDINGENROLLMENT', 'MAXUSERSREACHED'];

    public function __construct(private string $baseUrl, private string $appId, private string $applicationKey,
        private string $apiKey, private ?string $directory = null) {}

    public function hello(): array { return $this->call('GET', 'HelloWorld'); }

    public function requestState(string $username, int $type = self::LOGIN, ?string $ip = null): array {
        return $this->post('RequestAuthenticationState', ['Username' => $username, 'VerificationType' => $type], $ip);
    }

    public function register(string $username, ?string $fullname = null, ?string $email = null,
        bool $sendEmail = false, array $groups = []): array {
        return $this->post('RegisterUser', ['Username' => $username, 'Fullname' => $fullname, 'Email' => $email,
            'SendEnrollmentEmail' => $sendEmail, 'UserGroups' => $groups]);
    }

    public function verifyCode(string $username, string $code, int $type = self::LOGIN, ?string $ip = null): array {
        $members = ['Username' => $username, 'OTPCode' => $code, 'VerificationType' => $type];
        return $this->post('VerifyUserOTP', $members, $ip);
    }

    public function delete(string $username): array {
        $name = $this->directory === null ? $username : "$this->directory\\$username";
        return $this->call('DELETE', 'DeleteUser?username=' . rawurlencode($name));
    }

    private function post(string $operation, array $members, ?string $ip = null): array {
        $body = json_encode($members + ['DirectoryName' => $this->directory], JSON_THROW_ON_ERROR);
        $answer = $this->call('POST', $operation, $body, $ip);
        if (isset($answer['State'])) $answer['State'] = self::STATES[$answer['State']];
        $data2 = $answer['State'] ?? $answer['UserID'];
        $signed = "{$members['Username']}:$data2:{$answer['RandomToken']}:{$answer['SignedTime']}";
        if (!hash_equals(self::hmac($this->applicationKey, $signed), $answer['SignedResponse']))
            throw new OasisError("the answer's signature is wrong");
        if (abs(time() - $answer['SignedTime']) > 300)
            throw new OasisError('the answer is too old, or one of the clocks is wrong');
        return $answer;
    }

    private function call(string $method, string $operation, string $body = '', ?string $ip = null, int $tries = 3): array {
        $epoch = time();
        $message = "$this->appId:$epoch:$this->applicationKey:$body" . ($ip === null ? '' : ":$ip");
        $headers = ['Content-Type: application/json', "X-OASIS-APPID: $this->appId", "X-OASIS-EPOCH: $epoch",
            'X-OASIS-REQSECRET: ' . self::hmac($this->apiKey, $message), ...($ip === null ? [] : ["X-OASIS-IP: $ip"])];
        $curl = curl_init("$this->baseUrl/$operation");
        curl_setopt_array($curl, [CURLOPT_CUSTOMREQUEST => $method, CURLOPT_HTTPHEADER => $headers,
            CURLOPT_RETURNTRANSFER => true, CURLOPT_TIMEOUT => 10] + ($body === '' ? [] : [CURLOPT_POSTFIELDS => $body]));
        $answer = json_decode((string) curl_exec($curl), true);
        $status = curl_getinfo($curl, CURLINFO_RESPONSE_CODE);
        if ($method === 'DELETE' && $status === 409 && $tries > 1) {
            sleep(1); // another deletion had the same signature; the next second has another
            return $this->call($method, $operation, $body, $ip, $tries - 1);
        }
        if ($status === 200 && is_array($answer)) return $answer;
        ['Code' => $code, 'Message' => $message] = isset($answer['Code'], $answer['Message']) ? $answer
            : ['Code' => 'not_this_api', 'Message' => 'that is no answer of OsayCore; check OASIS_BASE_URL'];
        throw new OasisError("$status $code: $message", $code);
    }

    private static function hmac(string $key, string $message): string {
        return base64_encode(hash_hmac('sha256', $message, $key, true));
    }
}

if (PHP_SAPI === 'cli' && realpath($argv[0]) === __FILE__) { // php client.php verifyCode USER 123456 1
    $names = ['OASIS_BASE_URL', 'OASIS_APP_ID', 'OASIS_APPLICATION_KEY', 'OASIS_API_KEY'];
    if ($missing = array_filter($names, fn($name) => !getenv($name))) throw new OasisError('set ' . implode(', ', $missing));
    echo json_encode((new Oasis(...array_map(getenv(...), $names)))->{$argv[1]}(...array_slice($argv, 2))), "\n";
}
