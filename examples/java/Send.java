import com.google.gson.FieldNamingPolicy;
import com.google.gson.Gson;
import com.google.gson.GsonBuilder;
import com.google.gson.JsonObject;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse.BodyHandlers;
import java.time.Duration;
import java.util.List;

/**
 * Sends one code over the HTTP API, and asks what became of it:
 *
 * <pre>SMSRELAY_API_URL=http://… SMSRELAY_API_KEY=… java -cp gson.jar Send.java NUMBER CODE REFERENCE</pre>
 *
 * Prints the message's id and its state. Running it again is safe: the same reference is the same message.
 */
public class Send {
    record Job(String to, String template, List<String> params, String lane, String reference, int expiresIn) {}

    static final HttpClient CLIENT = HttpClient.newBuilder().connectTimeout(Duration.ofSeconds(5)).build();
    static final Gson GSON =
            new GsonBuilder().setFieldNamingPolicy(FieldNamingPolicy.LOWER_CASE_WITH_UNDERSCORES).create();

    public static void main(String[] args) throws InterruptedException {
        try {
            var job = new Job(args[0], "0000000", List.of(args[1]), "otp", args[2], 300);
            var id = call("POST", "/v1/messages", GSON.toJson(job)).get("id").getAsString();
            var message = call("GET", "/v1/messages/" + id, "");
            System.out.println(id + " " + message.get("state").getAsString());
        } catch (IOException error) {
            System.err.println(error);
            System.exit(1);
        }
    }

    /** What the API answers; throws with the reason if it refuses. */
    static JsonObject call(String method, String path, String body) throws IOException, InterruptedException {
        var request = HttpRequest.newBuilder(URI.create(System.getenv("SMSRELAY_API_URL") + path))
                .method(method, body.isEmpty() ? BodyPublishers.noBody() : BodyPublishers.ofString(body))
                .header("Authorization", "Bearer " + System.getenv("SMSRELAY_API_KEY"))
                .header("Content-Type", "application/json")
                .timeout(Duration.ofSeconds(10))
                .build();
        var response = CLIENT.send(request, BodyHandlers.ofString());
        var answer = GSON.fromJson(response.body(), JsonObject.class);
        if (response.statusCode() < 300) {
            return answer;
        }
        var reason = new StringBuilder(response.statusCode() + " " + answer.get("title").getAsString());
        if (answer.has("errors")) {
            for (var wrong : answer.getAsJsonArray("errors")) {
                var error = wrong.getAsJsonObject();
                reason.append("\n" + error.get("field").getAsString() + ": " + error.get("allowed").getAsString());
            }
        }
        throw new IOException(reason.toString());
    }
}
