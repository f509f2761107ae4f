<?php
// routes/api.php. The login is Laravel's: Sanctum's tokens for a phone, its cookies for a page; users have a column osaycore_id.
use App\Http\Controllers\ReportController;
use Illuminate\Support\Facades\Route;

Route::middleware(['auth:sanctum', 'throttle:60,1'])->group(function () {
    Route::get('/me', [ReportController::class, 'me']);
    Route::post('/reports', [ReportController::class, 'store']);
});
