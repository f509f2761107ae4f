// A phone asks its own backend, and knows nothing of OsayCore. Android, with kotlinx-coroutines.
import java.io.IOException
import java.net.HttpURLConnection
import java.net.URL
import java.util.UUID
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.delay
import kotlinx.coroutines.withContext
import org.json.JSONException
import org.json.JSONObject

class Problem(val code: String, message: String, val buy: Int?) : Exception(message)

private class Answer(val status: Int, val body: JSONObject, val retryAfterS: Long?)

/** `url` as in https://api.shop.example; `token` of /login, kept in the Keystore. */
class Backend(private val url: String, private val token: String) {
    /**
     * `reference` is drawn when the person asks for the report, and kept with the order until there is an answer: after a
     * crash of the app, too, the same one is sent.
     */
    suspend fun report(reference: UUID, pages: Int): JSONObject {
        val order = JSONObject().put("reference", reference.toString()).put("pages", pages)
        var attempt = 1
        while (true) {
            val answer = withContext(Dispatchers.IO) { post("/reports", order) } // null: there was none
            if (answer != null && answer.status == 200) return answer.body
            val again = answer == null || answer.status in listOf(502, 503, 504)
            if (!again || attempt == 5) throw problem(answer)
            delay(1000 * (answer?.retryAfterS ?: 1L shl attempt))
            attempt++
        }
    }

    private fun post(path: String, members: JSONObject): Answer? {
        val connection = URL(url + path).openConnection() as HttpURLConnection
        try {
            connection.connectTimeout = 10_000
            connection.readTimeout = 60_000
            connection.doOutput = true
            connection.setRequestProperty("Content-Type", "application/json")
            connection.setRequestProperty("Authorization", "Bearer $token")
            connection.outputStream.use { it.write(members.toString().toByteArray()) }
            val status = connection.responseCode
            val stream = if (status < 400) connection.inputStream else connection.errorStream
            val text = stream?.bufferedReader()?.use { it.readText() } ?: ""
            val body = try { JSONObject(text) } catch (notJson: JSONException) { JSONObject() }
            return Answer(status, body, connection.getHeaderField("Retry-After")?.toLongOrNull())
        } catch (noAnswer: IOException) {
            return null
        } finally {
            connection.disconnect()
        }
    }

    private fun problem(answer: Answer?): Problem {
        val body = answer?.body ?: JSONObject()
        val buy = if (body.has("buy")) body.getInt("buy") else null
        return Problem(body.optString("code", "unreachable"), body.optString("error", "Check your connection."), buy)
    }
}
