// A client of OsayCore's one-time passcodes. .NET 8 or newer, no packages.
using System.Net;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;

namespace OsayCore;

public enum VerificationType { LOGIN, REGISTRATION }

public enum State
{
    NOTREGISTERED, DISABLED, LOCKED, NOGROUPMEMBERSHIP, NOTALLOWEDTOBYPASS, SKIPAUTHENTICATION,
    AUTHENTICATE, INVALID, VALID, PENDINGENROLLMENT, MAXUSERSREACHED,
}

public sealed class Answer
{
    public State? State { get; set; }
    public long? UserID { get; set; }
    public string? UserQRCode { get; set; }
    public string? UserToken { get; set; }
    public string? Data { get; set; }
    public string RandomToken { get; set; } = "";
    public long SignedTime { get; set; }
    public string SignedResponse { get; set; } = "";
}

/// <summary>The server refused; or its answer is not to be trusted, Code is null.</summary>
public sealed class OasisException(string message, string? code = null) : Exception(message)
{
    public string? Code { get; } = code;
}

public sealed class Oasis(HttpClient http, string baseUrl, long appId, string applicationKey, string apiKey, string? directory = null)
{
    public Task HelloAsync() => CallAsync(HttpMethod.Get, "HelloWorld");
    public Task<Answer> RequestStateAsync(string username, VerificationType type = VerificationType.LOGIN, string? ip = null) =>
        PostAsync("RequestAuthenticationState", username, new { Username = username, VerificationType = (int)type, DirectoryName = directory }, ip);
    public Task<Answer> RegisterAsync(string username, string? fullname = null, string? email = null, bool sendEmail = false, params int[] groups) =>
        PostAsync("RegisterUser", username, new { Username = username, Fullname = fullname, Email = email, SendEnrollmentEmail = sendEmail, UserGroups = groups, DirectoryName = directory });
    public Task<Answer> VerifyCodeAsync(string username, string code, VerificationType type = VerificationType.LOGIN, string? ip = null) =>
        PostAsync("VerifyUserOTP", username, new { Username = username, OTPCode = code, VerificationType = (int)type, DirectoryName = directory }, ip);
    public Task DeleteAsync(string username) =>
        CallAsync(HttpMethod.Delete, "DeleteUser?username=" + Uri.EscapeDataString(directory is null ? username : $@"{directory}\{username}"));

    private async Task<Answer> PostAsync(string operation, string username, object members, string? ip = null)
    {
        var answer = JsonSerializer.Deserialize<Answer>(await CallAsync(HttpMethod.Post, operation, JsonSerializer.Serialize(members), ip))!;
        var data2 = answer.State?.ToString() ?? answer.UserID?.ToString();
        var expected = Hmac(applicationKey, $"{username}:{data2}:{answer.RandomToken}:{answer.SignedTime}");
        if (!CryptographicOperations.FixedTimeEquals(Encoding.UTF8.GetBytes(expected), Encoding.UTF8.GetBytes(answer.SignedResponse)))
            throw new OasisException("the answer's signature is wrong");
        if (Math.Abs(DateTimeOffset.UtcNow.ToUnixTimeSeconds() - answer.SignedTime) > 300)
            throw new OasisException("the answer is too old, or one of the clocks is wrong");
        return answer;
    }

    private async Task<string> CallAsync(HttpMethod method, string operation, string body = "", string? ip = null, int tries = 3)
    {
        var epoch = DateTimeOffset.UtcNow.ToUnixTimeSeconds();
        using var request = new HttpRequestMessage(method, $"{baseUrl}/{operation}");
        if (body != "") request.Content = new StringContent(body, Encoding.UTF8, "application/json");
        request.Headers.Add("X-OASIS-APPID", $"{appId}");
        request.Headers.Add("X-OASIS-EPOCH", $"{epoch}");
        request.Headers.Add("X-OASIS-REQSECRET", Hmac(apiKey, $"{appId}:{epoch}:{applicationKey}:{body}" + (ip is null ? "" : $":{ip}")));
        if (ip is not null) request.Headers.Add("X-OASIS-IP", ip);
        using var response = await http.SendAsync(request);
        var text = await response.Content.ReadAsStringAsync();
        if (response.IsSuccessStatusCode) return text;
        if (method != HttpMethod.Delete || response.StatusCode != HttpStatusCode.Conflict || tries == 1)
            throw !text.StartsWith("{\"Message\":") ? new OasisException($"{(int)response.StatusCode}: that is no answer of OsayCore; check the base URL")
                : new OasisException($"{(int)response.StatusCode}: {text}", JsonDocument.Parse(text).RootElement.GetProperty("Code").GetString());
        await Task.Delay(1000); // another deletion had the same signature; the next second has another
        return await CallAsync(method, operation, body, ip, tries - 1);
    }

    private static string Hmac(string key, string message) =>
        Convert.ToBase64String(HMACSHA256.HashData(Encoding.UTF8.GetBytes(key), Encoding.UTF8.GetBytes(message)));
}
