<?php
// app/Http/Controllers/ReportController.php
namespace App\Http\Controllers;

use App\Services\OsayCore;
use Illuminate\Http\Request;

class ReportController {
    private const FEATURE = 'new_dashboard', CREDITS_A_PAGE = 2; // what is sold is yours

    public function __construct(private OsayCore $osaycore) {}

    public function me(Request $request): array {
        $context = $this->osaycore->asUser($request->user()->osaycore_id, 'GET', '/user/context');
        return ['name' => $context['user_summary']['display_name'] ?? $context['user_summary']['username'],
            'balance' => $context['credit_balance']['balance'], 'features' => $context['enabled_features']];
    }

    public function store(Request $request): array {
        ['reference' => $reference, 'pages' => $pages] = $request->validate([
            'reference' => ['required', 'string', 'regex:/^[A-Za-z0-9-]{8,64}$/D'],
            'pages' => ['required', 'integer', 'between:1,100'],
        ]);
        $user = $request->user()->osaycore_id;
        $name = "report:$user:$reference"; // unique in the app for ever: what it is, whose, and which of theirs
        $features = $this->osaycore->asUser($user, 'GET', '/user/context')['enabled_features'];
        if (!($features[self::FEATURE] ?? false) && !$this->paid($user, $name))
            abort(response()->json(['code' => 'not_switched_on', 'error' => 'Reports are not switched on for you.'], 403));
        $charged = $this->osaycore->asUser($user, 'POST', '/action/deduct-credits',
            ['amount' => $pages * self::CREDITS_A_PAGE, 'description' => "Report of $pages pages", 'client_reference_id' => $name]);
        // Yours: the report. If it fails here, the phone's retry makes it, and is not charged again.
        return ['reference' => $reference, 'report' => "$pages pages", 'balance' => $charged['new_balance']];
    }

    /** What was charged is served to a retry, whatever became of the flag since. */
    private function paid(string $user, string $name): bool {
        $found = $this->osaycore->asUser($user, 'GET', '/credits/transactions?reference=' . rawurlencode($name));
        return $found['transactions'] !== [];
    }
}
