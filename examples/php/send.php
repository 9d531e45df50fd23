<?php
// Sends one code over the HTTP API, and asks what became of it:
//   SMSRELAY_API_URL=http://… SMSRELAY_API_KEY=… php send.php NUMBER CODE REFERENCE
// Prints the message's id and its state. Running it again is safe: the same reference is the same message.
declare(strict_types=1);

/** What the API answers; throws with the reason if it refuses. */
function call(string $method, string $path, ?array $body = null): array
{
    $context = stream_context_create(['http' => [
        'method' => $method,
        'header' => ['Authorization: Bearer ' . getenv('SMSRELAY_API_KEY'), 'Content-Type: application/json'],
        'content' => $body === null ? '' : json_encode($body, JSON_THROW_ON_ERROR),
        'timeout' => 10,
        'ignore_errors' => true, // a refusal has a body too
    ]]);
    $answer = @file_get_contents(getenv('SMSRELAY_API_URL') . $path, false, $context);
    if ($answer === false) {
        throw new RuntimeException(error_get_last()['message']);
    }
    $status = (int) explode(' ', $http_response_header[0])[1];
    $read = json_decode($answer, true, flags: JSON_THROW_ON_ERROR);
    if ($status < 300) {
        return $read;
    }
    $wrong = array_map(fn (array $error) => "{$error['field']}: {$error['allowed']}", $read['errors'] ?? []);
    throw new RuntimeException(implode("\n", ["$status {$read['title']}", ...$wrong]));
}

try {
    [, $to, $code, $reference] = $argv + ['', '', '', ''];
    $sent = call('POST', '/v1/messages', [
        'to' => $to,
        'template' => '0000000',
        'params' => [$code], // texts: 007 as a number would be 7
        'lane' => 'otp',
        'reference' => $reference,
        'expires_in' => 300,
    ]);
    $message = call('GET', "/v1/messages/{$sent['id']}");
    echo "{$message['id']} {$message['state']}\n";
} catch (RuntimeException | JsonException $error) {
    fwrite(STDERR, $error->getMessage() . "\n");
    exit(1);
}
