<?php
// An application of Laravel around the files of examples/backends/php: what an application has of its own, its login among it.
// Run in that folder, with Laravel on PHP's include path, as Debian has it, and an empty folder as STORAGE.
error_reporting(E_ALL & ~E_DEPRECATED); // of the framework, which may be older than PHP
require 'Illuminate/autoload.php';
foreach (['OsayCore', 'laravel/OsayCoreServiceProvider', 'laravel/ReportController'] as $file) require getcwd() . "/$file.php";

use Illuminate\Auth\GenericUser;
use Illuminate\Contracts\Debug\ExceptionHandler;
use Illuminate\Contracts\Http\Kernel;
use Illuminate\Foundation\Application;
use Illuminate\Foundation\Bootstrap as Step;
use Illuminate\Http\Request;
use Illuminate\Support\Facades\{Auth, Facade, Route};

$storage = getenv('STORAGE');
$app = new Application($storage);
$app->useStoragePath($storage);
$app->instance('env', 'production');
Facade::setFacadeApplication($app);
$app->instance('config', $config = new Illuminate\Config\Repository([
    'app' => ['key' => str_repeat('k', 32), 'cipher' => 'AES-256-CBC', 'debug' => false, 'locale' => 'en', 'fallback_locale' => 'en'],
    'auth' => ['defaults' => ['guard' => 'sanctum'], 'guards' => ['sanctum' => ['driver' => 'phone']]],
    'cache' => ['default' => 'file', 'prefix' => 'test', 'stores' => ['file' => ['driver' => 'file', 'path' => "$storage/cache"]]],
    'logging' => ['default' => 'errors', 'channels' => ['errors' => ['driver' => 'errorlog']]],
    'services' => ['osaycore' => ['base_url' => getenv('OSAYCORE_BASE_URL'), 'api_key' => getenv('OSAYCORE_API_KEY'),
        'secret_key' => getenv('OSAYCORE_SECRET_KEY')]],
    'view' => ['paths' => [], 'compiled' => $storage],
]));
$app->singleton(ExceptionHandler::class, Illuminate\Foundation\Exceptions\Handler::class);
$app->instance(Kernel::class, new class($app, $app['router']) extends Illuminate\Foundation\Http\Kernel {
    protected $bootstrappers = [Step\HandleExceptions::class, Step\BootProviders::class];
    protected $routeMiddleware = ['auth' => Illuminate\Auth\Middleware\Authenticate::class,
        'throttle' => Illuminate\Routing\Middleware\ThrottleRequests::class];
});
foreach ([Illuminate\Auth\AuthServiceProvider::class, Illuminate\Cache\CacheServiceProvider::class,
    Illuminate\Encryption\EncryptionServiceProvider::class, Illuminate\Filesystem\FilesystemServiceProvider::class,
    Illuminate\Translation\TranslationServiceProvider::class, Illuminate\Validation\ValidationServiceProvider::class,
    Illuminate\Foundation\Providers\FoundationServiceProvider::class, Illuminate\View\ViewServiceProvider::class,
    App\Providers\OsayCoreServiceProvider::class] as $provider) $app->register($provider);

$app->booted(function () use ($app) {
    Auth::viaRequest('phone', function (Request $request) use ($app) {
        $id = rescue(fn() => $app['encrypter']->decryptString($request->bearerToken() ?? ''), null, false);
        return $id ? new GenericUser(['id' => $id, 'osaycore_id' => $id]) : null;
    });
    Route::post('/login', fn(Request $request) => $request->input('username') === 'alice' && $request->input('password') === 'wonderland'
        ? ['token' => $app['encrypter']->encryptString('user-1'), 'expires_in' => 3600]
        : response()->json(['code' => 'wrong_login'], 401));
    Route::group([], getcwd() . '/laravel/routes.php');
});
// As `php artisan serve` hears a phone that asks for JSON.
$request = Request::capture();
$request->headers->set('Accept', 'application/json');
$app->make(Kernel::class)->handle($request)->send();
