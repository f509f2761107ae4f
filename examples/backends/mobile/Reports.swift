// A phone asks its own backend, and knows nothing of OsayCore. Swift 5.5, iOS 15 or newer.
import Foundation

struct Report: Decodable { let reference: String, report: String, balance: Decimal }
struct Problem: Decodable, Error { let code: String, error: String; var buy: Int? = nil }

struct Backend {
    let url: URL // https://api.shop.example
    let token: String // of /login, kept in the Keychain

    /// `reference` is drawn when the person asks for the report, and kept with the order until there is an answer:
    /// after a crash of the app, too, the same one is sent.
    func report(reference: UUID, pages: Int) async throws -> Report {
        struct Order: Encodable { let reference: String, pages: Int }
        var request = URLRequest(url: url.appendingPathComponent("reports"), timeoutInterval: 60)
        request.httpMethod = "POST"
        request.setValue("application/json", forHTTPHeaderField: "Content-Type")
        request.setValue("Bearer \(token)", forHTTPHeaderField: "Authorization")
        request.httpBody = try JSONEncoder().encode(Order(reference: reference.uuidString, pages: pages))
        var attempt = 1
        while true {
            var problem = Problem(code: "unreachable", error: "Check your connection."), again = true, waitS = pow(2, Double(attempt))
            if let (data, response) = try? await URLSession.shared.data(for: request), let http = response as? HTTPURLResponse {
                if http.statusCode == 200 { return try JSONDecoder().decode(Report.self, from: data) }
                problem = (try? JSONDecoder().decode(Problem.self, from: data)) ?? problem
                again = [502, 503, 504].contains(http.statusCode)
                waitS = http.value(forHTTPHeaderField: "Retry-After").flatMap(Double.init) ?? waitS
            }
            if !again || attempt == 5 { throw problem }
            try await Task.sleep(nanoseconds: UInt64(waitS * 1_000_000_000))
            attempt += 1
        }
    }
}
