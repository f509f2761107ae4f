<?php
// app/Providers/OsayCoreServiceProvider.php; name it in bootstrap/providers.php (Laravel 8 to 10: config/app.php). And in
// config/services.php: 'osaycore' => ['base_url' => env('OSAYCORE_BASE_URL'), 'api_key' => env('OSAYCORE_API_KEY'),
//                                     'secret_key' => env('OSAYCORE_SECRET_KEY')],
namespace App\Providers;

use App\Services\{OsayCore, Refused};
use Illuminate\Contracts\Debug\ExceptionHandler;
use Illuminate\Http\JsonResponse;
use Illuminate\Support\ServiceProvider;

class OsayCoreServiceProvider extends ServiceProvider {
    private const PACKS = [50, 200, 1000]; // what is sold is yours

    public function register(): void {
        $this->app->singleton(OsayCore::class, function ($app) {
            ['base_url' => $baseUrl, 'api_key' => $apiKey, 'secret_key' => $secretKey] = $app['config']['services.osaycore'];
            return new OsayCore($baseUrl, $apiKey, $secretKey, $app['cache']->store()); // it keeps users' tokens
        });
    }

    public function boot(ExceptionHandler $handler): void {
        $handler->reportable(fn(Refused $refused) => !in_array($refused->status, [402, 403, 404, 409], true)); // those are answers
        $handler->renderable(fn(Refused $refused) => $this->said($refused));
    }

    private function said(Refused $refused): JsonResponse {
        $say = fn(int $status, string $code, string $error, array $more = []) =>
            new JsonResponse(['code' => $code, 'error' => $error] + $more, $status);
        if ($refused->status === 402) {
            $lacking = $refused->answer['shortfall'];
            $buy = current(array_filter(self::PACKS, fn($pack) => $pack >= $lacking)) ?: max(self::PACKS);
            return $say(402, 'insufficient_credits', 'You have too few credits for this.', ['shortfall' => $lacking, 'buy' => $buy]);
        }
        if ($refused->name === 'reference_conflict')
            return $say(409, $refused->name, "This reference is another report's. Draw a new one.");
        if (in_array($refused->name, ['user_inactive', 'user_not_found', 'not_permitted', 'scope_missing'], true))
            return $say(403, $refused->name, 'This account may not do that. Write to us.');
        if (in_array($refused->status, [429, 503, 507], true) || $refused->name === 'replayed_request')
            return $say(503, 'unavailable', 'Try again in a moment.')->header('Retry-After', $refused->retryAfter);
        return $say(500, 'internal', 'Something is wrong here.'); // keys, clock, or a fault: see the log
    }
}
